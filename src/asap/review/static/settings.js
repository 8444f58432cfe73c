// What this browser remembers: the name, the filter, the place; by dataset, and colours and keys for all.

const SHARED = ["name", "theme", "keys"];

export class Settings {
  constructor(dataset) {
    this.dataset = dataset;
  }

  key(name) {
    return `asap-review/${SHARED.includes(name) ? "" : `${this.dataset}/`}${name}`;
  }

  get(name, otherwise) {
    const text = localStorage.getItem(this.key(name));
    return text === null ? otherwise : JSON.parse(text);
  }

  set(name, value) {
    localStorage.setItem(this.key(name), JSON.stringify(value));
  }

  theme() {
    document.documentElement.dataset.theme = this.get("theme", "");
  }
}
