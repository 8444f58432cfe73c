// Pictures, fetched and decoded before they are wanted.

const AHEAD = 4; // questions
const KEPT = 24; // pictures

export class Pictures {
  constructor(address) {
    this.address = address;
    this.coming = new Map(); // id -> promise of an image
  }

  get(id) {
    const known = this.coming.get(id) ?? this.load(id);
    this.coming.delete(id); // the last used stands last
    this.coming.set(id, known);
    while (this.coming.size > KEPT) this.coming.delete(this.coming.keys().next().value);
    return known;
  }

  async load(id) {
    const image = new Image();
    image.src = this.address(id);
    try {
      await image.decode();
    } catch (error) {
      this.coming.delete(id);
      throw error;
    }
    return image;
  }

  // of a question, and then of those that follow
  async of(asked, at) {
    const wanted = await Promise.all(asked[at].pictures.map(async ({ id, size }) => ({ image: await this.get(id), size })));
    for (const later of asked.slice(at + 1, at + 1 + AHEAD)) for (const { id } of later.pictures) this.get(id).catch(() => {});
    return wanted;
  }
}
