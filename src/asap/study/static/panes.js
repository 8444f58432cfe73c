// One picture or two: zoomed together, and on a single one a mark where the error is.

const MOST = 12; // times the size that fits
const NEAR = 7; // CSS pixels; a shorter drag is a click
const STEP = 0.03; // of the shorter side that is visible, for a move of the mark by keys

export class Panes {
  constructor(stage, marked) {
    this.stage = stage;
    this.marked = marked; // told when the mark was made or moved by hand
    this.view = { x: 0.5, y: 0.5, zoom: 1 }; // centre as a share of the picture; 1 fits
    this.box = null; // [left, top, right, bottom] in the picture's pixels
    this.panes = [...stage.querySelectorAll("figure")].map((figure) => ({ canvas: figure.querySelector("canvas"), picture: null, size: null }));
    new ResizeObserver(() => this.draw()).observe(stage);
    this.hands();
  }

  // `pictures`: one or two, each { image, size } in the picture's own pixels
  show(pictures, box) {
    this.panes.forEach((pane, index) => Object.assign(pane, { image: null, size: null }, pictures[index]));
    this.single = pictures.length === 1;
    this.box = box ?? null;
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.draw();
  }

  scale({ canvas, size }) {
    return Math.min(canvas.clientWidth / size[0], canvas.clientHeight / size[1]) * this.view.zoom;
  }

  // the picture's point in the middle of a pane; no room is left beside the picture where it is larger than the pane
  centre(pane) {
    const scale = this.scale(pane);
    const extents = [pane.canvas.clientWidth / scale, pane.canvas.clientHeight / scale];
    return [this.view.x, this.view.y].map((share, axis) => {
      const whole = pane.size[axis], extent = extents[axis];
      return extent >= whole ? whole / 2 : Math.min(Math.max(share * whole, extent / 2), whole - extent / 2);
    });
  }

  settle(pane) {
    const [x, y] = this.centre(pane);
    this.view.x = x / pane.size[0];
    this.view.y = y / pane.size[1];
  }

  zoom(factor, at = null, pane = this.panes[0]) {
    if (!pane.size) return;
    const before = this.scale(pane);
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 1), MOST);
    const after = this.scale(pane);
    if (at) { // the point under the pointer stays there
      this.view.x += (at.x / before - at.x / after) / pane.size[0];
      this.view.y += (at.y / before - at.y / after) / pane.size[1];
    }
    this.settle(pane);
    this.draw();
  }

  whole() {
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.draw();
  }

  pan(x, y, pane = this.panes[0]) {
    if (!pane.size) return;
    const scale = this.scale(pane);
    this.view.x -= x / scale / pane.size[0];
    this.view.y -= y / scale / pane.size[1];
    this.settle(pane);
    this.draw();
  }

  // a move of the view by keys, as a share of what is visible
  shift(x, y) {
    const { canvas } = this.panes[0];
    this.pan(-x * canvas.clientWidth, -y * canvas.clientHeight);
  }

  // the mark by keys: a point, at first in the middle of what is visible
  step(x, y) {
    const [pane] = this.panes;
    if (!pane.size) return;
    const extent = Math.min(pane.canvas.clientWidth, pane.canvas.clientHeight) / this.scale(pane) * STEP;
    const [left, top, right, bottom] = this.box ?? [...this.centre(pane), ...this.centre(pane)];
    const move = (low, high, by, most) => Math.min(Math.max(by, -low), most - high);
    const [dx, dy] = this.box ? [move(left, right, x * extent, pane.size[0]), move(top, bottom, y * extent, pane.size[1])] : [0, 0];
    this.box = [left + dx, top + dy, right + dx, bottom + dy];
    this.draw();
  }

  // the picture's point, kept inside it, under a place on the canvas
  point(pane, place) {
    const scale = this.scale(pane), centre = this.centre(pane);
    return [place.x, place.y].map((at, axis) => Math.min(Math.max(centre[axis] + at / scale, 0), pane.size[axis]));
  }

  draw() {
    for (const pane of this.panes) if (pane.canvas.clientWidth) this.paint(pane);
  }

  paint(pane) {
    const { canvas, image, size } = pane, ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!image) return;
    const scale = this.scale(pane) * ratio, [x, y] = this.centre(pane);
    context.setTransform(scale, 0, 0, scale, width / 2 - x * scale, height / 2 - y * scale);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, ...size);
    if (this.box && this.single) this.mark(context, ratio / scale);
  }

  // a box, or for a click a ring; light and dark, so that it is seen on any picture
  mark(context, pixel) {
    const [left, top, right, bottom] = this.box;
    for (const [colour, line] of [["#000c", 5], ["#fff", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = line * pixel;
      context.beginPath();
      if (right - left > NEAR * pixel || bottom - top > NEAR * pixel) context.rect(left, top, right - left, bottom - top);
      else {
        context.arc((left + right) / 2, (top + bottom) / 2, 16 * pixel, 0, 7);
        context.moveTo((left + right) / 2 + 2 * pixel, (top + bottom) / 2);
        context.arc((left + right) / 2, (top + bottom) / 2, 2 * pixel, 0, 7);
      }
      context.stroke();
    }
  }

  // wheel; one finger or the pointer marks (or, of two pictures, moves both); two fingers zoom and move
  hands() {
    for (const pane of this.panes) {
      const fingers = new Map();
      let start = null;
      const place = (event) => {
        const box = pane.canvas.getBoundingClientRect();
        return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
      };
      const apart = () => {
        const [a, b] = [...fingers.values()];
        return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
      };
      const drag = (from, to) => {
        const [a, b] = [this.point(pane, from), this.point(pane, to)];
        this.box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
        this.draw();
      };
      pane.canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), place(event), pane);
      }, { passive: false });
      pane.canvas.addEventListener("pointerdown", (event) => {
        if (event.button || !pane.size) return;
        pane.canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, place(event));
        start = fingers.size === 1 && this.single ? { at: place(event), before: this.box } : this.stopped(start);
      });
      pane.canvas.addEventListener("pointermove", (event) => {
        const before = fingers.get(event.pointerId);
        if (!before) return;
        const now = place(event), spread = apart();
        fingers.set(event.pointerId, now);
        if (start) {
          if (Math.hypot(now.x - start.at.x, now.y - start.at.y) > NEAR) drag(start.at, now);
          return;
        }
        this.pan((now.x - before.x) / fingers.size, (now.y - before.y) / fingers.size, pane);
        if (spread && apart()) this.zoom(apart() / spread, now, pane);
      });
      pane.canvas.addEventListener("pointerup", (event) => {
        fingers.delete(event.pointerId);
        if (!start) return;
        const now = place(event);
        if (Math.hypot(now.x - start.at.x, now.y - start.at.y) <= NEAR) drag(start.at, start.at);
        start = null;
        this.marked();
      });
      pane.canvas.addEventListener("pointercancel", (event) => {
        fingers.delete(event.pointerId);
        start = this.stopped(start);
      });
    }
  }

  // a second finger came: the first was no mark
  stopped(start) {
    if (start) { this.box = start.before; this.draw(); }
    return null;
  }
}
