// The panes: four views of one pair, always of the same place at the same zoom.

const MOST = 40; // device pixels of a picture's pixel
const PERIOD = 450; // milliseconds a picture of the flicker; slow enough to be safe (WCAG 2.3.1)
const BLOCKY = 6; // from this many device pixels a pixel is shown as a square

export class Panes {
  constructor(stage, moved) {
    this.stage = stage;
    this.moved = moved;
    this.shot = null;
    this.near = true; // begin at the error, or with the whole picture
    this.view = null; // centre and extent, in the picture's pixels, of what must be visible
    this.swapped = false; // negative and positive have changed places
    this.outlined = false;
    this.panes = [...stage.querySelectorAll("[data-pane]")].map((figure) => (
      { name: figure.dataset.pane, figure, canvas: figure.querySelector("canvas") }
    ));
    new ResizeObserver(() => this.draw()).observe(stage);
    this.hands();
  }

  show(shot) {
    this.shot = shot;
    this.frame(this.near);
  }

  // look at the error, or at the whole picture
  frame(near) {
    this.near = near;
    if (!this.shot) return;
    const { chosen: { width, height }, box } = this.shot;
    const side = Math.max(96, 2.2 * Math.max(box.width, box.height));
    this.view = near && side < Math.max(width, height)
      ? { x: box.x + box.width / 2, y: box.y + box.height / 2, wide: side, high: side }
      : { x: width / 2, y: height / 2, wide: width, high: height };
    this.draw();
  }

  scale(canvas, { wide, high } = this.view) {
    return Math.min(canvas.clientWidth / wide, canvas.clientHeight / high);
  }

  zoom(factor, at = null) {
    if (!this.shot) return;
    const canvas = this.panes.find((pane) => pane.canvas.clientWidth)?.canvas;
    const before = this.scale(canvas);
    const least = Math.min(this.scale(canvas, { wide: this.shot.chosen.width, high: this.shot.chosen.height }), before);
    const after = Math.min(Math.max(before * factor, least), MOST);
    if (at) { // the point under the pointer stays there
      this.view.x += at.x / before - at.x / after;
      this.view.y += at.y / before - at.y / after;
    }
    this.view.wide *= before / after;
    this.view.high *= before / after;
    this.draw();
    this.moved();
  }

  // by a share of what is visible
  pan(x, y) {
    if (!this.shot) return;
    this.view.x += x * this.view.wide;
    this.view.y += y * this.view.high;
    this.draw();
  }

  // the nearest centre to `at` that leaves no room beside the picture where `extent` of it is visible
  centre(at, extent, whole) {
    return extent >= whole ? whole / 2 : Math.min(Math.max(at, extent / 2), whole - extent / 2);
  }

  draw() {
    if (!this.shot) return;
    const { width, height } = this.shot.chosen;
    this.view.x = this.centre(this.view.x, this.view.wide, width);
    this.view.y = this.centre(this.view.y, this.view.high, height);
    for (const pane of this.panes) if (pane.canvas.clientWidth) this.paint(pane);
  }

  paint({ name, canvas }) {
    const ratio = devicePixelRatio, [width, height] = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.round(x * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), scale = this.scale(canvas) * ratio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const x = this.centre(this.view.x, width / scale, this.shot.chosen.width);
    const y = this.centre(this.view.y, height / scale, this.shot.chosen.height);
    context.setTransform(scale, 0, 0, scale, width / 2 - x * scale, height / 2 - y * scale);
    context.imageSmoothingEnabled = scale < BLOCKY;
    context.imageSmoothingQuality = "high";
    this.layers(context, name);
  }

  layers(context, name) {
    const { chosen, rejected, box, inside, difference, outline } = this.shot;
    const { width, height } = chosen;
    const fill = (operation, colour) => {
      context.globalCompositeOperation = operation;
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
      context.globalCompositeOperation = "source-over";
    };
    if (name === "difference") {
      fill("source-over", "#000");
      context.drawImage(difference, box.x, box.y);
      return;
    }
    context.drawImage((name === "rejected") !== this.swapped && name !== "mask" ? rejected : chosen, 0, 0);
    if (name === "mask") {
      fill("saturation", "#888");
      fill("multiply", "#5a5a5a");
      context.drawImage(inside, box.x, box.y);
    }
    if (this.outlined || name === "mask") context.drawImage(outline, box.x, box.y);
  }

  swap(swapped) {
    this.swapped = swapped;
    this.draw();
  }

  // wheel, drag, and two fingers
  hands() {
    const fingers = new Map();
    const middle = (event) => {
      const box = event.target.getBoundingClientRect();
      return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
    };
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
    };
    this.stage.addEventListener("wheel", (event) => {
      if (event.target.tagName !== "CANVAS") return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), middle(event));
    }, { passive: false });
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.target.tagName !== "CANVAS") return;
      event.target.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    this.stage.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before || !this.shot) return;
      const apart = spread();
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const scale = this.scale(event.target) * fingers.size;
      this.view.x -= (event.clientX - before.x) / scale;
      this.view.y -= (event.clientY - before.y) / scale;
      if (apart && spread()) this.zoom(spread() / apart, middle(event));
      else this.draw();
    });
    for (const end of ["pointerup", "pointercancel"]) this.stage.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
}

// The flicker: positive and negative in turn in one pane; with reduced motion only when asked.
export class Flicker {
  constructor(panes, told) {
    this.panes = panes;
    this.told = told;
    this.timer = null;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
  }

  get on() {
    return this.panes.stage.classList.contains("flicker");
  }

  set(on) {
    clearInterval(this.timer);
    this.panes.stage.classList.toggle("flicker", on);
    this.turn(false);
    if (on && !this.still.matches) this.timer = setInterval(() => this.turn(!this.panes.swapped), PERIOD);
  }

  turn(swapped) {
    this.panes.swap(swapped);
    this.told(swapped);
  }
}
