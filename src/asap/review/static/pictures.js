// Pictures of pairs, fetched and decoded before they are wanted.

const AHEAD = navigator.maxTouchPoints && innerWidth < 700 ? 4 : 7;
const BEHIND = 2;
const AT_ONCE = 2;
const HEAT = [[0, 0, 0], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];

// a pixel as one number, as it lies in memory
function packed([red, green, blue]) {
  return new Uint32Array(new Uint8ClampedArray([red, green, blue, 255]).buffer)[0];
}

const LOOKUP = Array.from({ length: 256 }, (_, level) => {
  const at = (level / 255) * (HEAT.length - 1);
  const low = Math.min(Math.floor(at), HEAT.length - 2);
  return packed(HEAT[low].map((value, channel) => value + (HEAT[low + 1][channel] - value) * (at - low)));
});
const EDGE = packed([255, 150, 20]);

export class Pictures {
  constructor(version) {
    this.version = version;
    this.ready = new Map(); // pair -> shot
    this.coming = new Map(); // pair -> promise of a shot
    this.wanted = [];
  }

  get(pair) {
    return this.ready.get(pair);
  }

  // the shot of pair `id(at)`, as soon as it is there; those around it follow
  async want(id, at) {
    const ahead = Array.from({ length: AHEAD + 1 }, (_, step) => at + step), behind = Array.from({ length: BEHIND }, (_, step) => at - BEHIND + step);
    const around = [...ahead, ...behind].map(id).filter(Boolean);
    this.wanted = around;
    for (const [pair, shot] of this.ready) {
      if (!around.includes(pair)) { shot.chosen.close(); shot.rejected.close(); this.ready.delete(pair); }
    }
    const first = this.ready.get(id(at)) ?? this.load(id(at));
    this.tell();
    this.more();
    return first;
  }

  // how many of the wanted are there, on which one can decide without the server
  tell() {
    document.body.dataset.ready = this.wanted.filter((pair) => this.ready.has(pair)).length;
  }

  more() {
    for (const pair of this.wanted) {
      if (this.coming.size >= AT_ONCE) return;
      if (!this.ready.has(pair) && !this.coming.has(pair)) this.load(pair).then(() => this.more(), () => {});
    }
  }

  load(pair) {
    const known = this.coming.get(pair);
    if (known) return known;
    const coming = shot(this.version, pair, () => (this.wanted[0] === pair ? null : idle()))
      .then((found) => { this.ready.set(pair, found); this.tell(); return found; })
      .finally(() => this.coming.delete(pair));
    this.coming.set(pair, coming);
    return coming;
  }
}

const fetched = async (address) => {
  const reply = await fetch(address);
  if (!reply.ok) throw new Error(`${address}: ${reply.status}`);
  return reply;
};

// until nothing else is to be done, a key for one
const idle = () => new Promise((resolve) => { (window.requestIdleCallback ?? setTimeout)(resolve, { timeout: 300 }); });

// the facts of a pair; its two pictures; and, of the mask's box alone, what lies inside, the outline, the difference
const shot = async (version, pair, patience) => {
  const picture = async (name) =>
    createImageBitmap(await (await fetched(`/pictures/${version}/${pair}/${name}.png`)).blob());
  const [facts, chosen, rejected, mask] = await Promise.all([
    fetched(`/api/pairs/${pair}`).then((reply) => reply.json()), ...["chosen", "rejected", "mask"].map(picture),
  ]);
  await patience();
  const box = boxed(facts.box, chosen);
  const layers = compared(chosen, rejected, mask, box);
  mask.close();
  return { pair, facts, chosen, rejected, box, ...layers };
};

const boxed = (box, { width, height }) => {
  const [left, top, right, bottom] = box ?? [0, 0, width, height];
  const [x, y] = [Math.max(0, Math.min(left, width - 1)), Math.max(0, Math.min(top, height - 1))];
  return { x, y, width: Math.max(1, Math.min(right, width) - x), height: Math.max(1, Math.min(bottom, height) - y) };
};

const canvas = ({ width, height }) => {
  const made = Object.assign(document.createElement("canvas"), { width, height });
  return [made, made.getContext("2d", { willReadFrequently: true })];
};

const pixels = (picture, box) => {
  const [, context] = canvas(box);
  context.drawImage(picture, -box.x, -box.y);
  return context.getImageData(0, 0, box.width, box.height);
};

const compared = (chosen, rejected, mask, box) => {
  const [a, b, m] = [chosen, rejected, mask].map((picture) => pixels(picture, box).data);
  const { width, height } = box;
  const made = [0, 0, 0].map(() => new ImageData(width, height));
  const [inside, difference, outline] = made.map((image) => new Uint32Array(image.data.buffer));
  const whole = new Uint32Array(a.buffer);
  const inner = (x, y) => x >= 0 && y >= 0 && x < width && y < height && m[4 * (y * width + x)] > 127;
  for (let p = 0, i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++, i += 4) {
      const change = Math.max(Math.abs(a[i] - b[i]), Math.abs(a[i + 1] - b[i + 1]), Math.abs(a[i + 2] - b[i + 2]));
      difference[p] = LOOKUP[Math.min(255, 2 * change)];
      if (m[i] <= 127) continue;
      inside[p] = whole[p];
      const edge = !(inner(x - 1, y) && inner(x + 1, y) && inner(x, y - 1) && inner(x, y + 1));
      if (edge) outline[p] = EDGE;
    }
  }
  const [insides, differences, outlines] = made.map((image) => {
    const [layer, context] = canvas(box);
    context.putImageData(image, 0, 0);
    return layer;
  });
  return { inside: insides, difference: differences, outline: outlines };
};
