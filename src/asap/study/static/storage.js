// Answers: kept in the browser until the server has them, or, without a server, until they are downloaded.

const RETRY = 1000; // milliseconds

// the browser's storage; where it gives none (some do so for files), the page's memory
export class Shelf {
  constructor(prefix) {
    this.prefix = prefix;
    this.memory = new Map();
    this.lasting = true;
    try {
      localStorage.setItem(`${prefix}try`, "1");
      localStorage.removeItem(`${prefix}try`);
    } catch {
      this.lasting = false;
    }
  }

  get(name) {
    return this.lasting ? localStorage.getItem(this.prefix + name) : this.memory.get(name) ?? null;
  }

  set(name, text) {
    if (this.lasting) localStorage.setItem(this.prefix + name, text);
    else this.memory.set(name, text);
  }

  drop(name) {
    if (this.lasting) localStorage.removeItem(this.prefix + name);
    else this.memory.delete(name);
  }

  names() {
    const all = this.lasting ? Object.keys(localStorage).filter((name) => name.startsWith(this.prefix)) : [...this.memory.keys()];
    return all.map((name) => (this.lasting ? name.slice(this.prefix.length) : name)).sort();
  }
}

// crypto.randomUUID wants https; this does not
const letters = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// What was answered, by question; of several answers to one the last counts.
class Kept {
  constructor(study, answers, changed) {
    this.shelf = new Shelf(`asap-study/${study.study}/${study.rater}/`);
    this.answers = new Map(Object.entries(answers));
    this.changed = changed;
    this.latest = 0;
    for (const entry of this.entries()) this.answers.set(entry.item, entry);
  }

  entries() {
    return this.shelf.names().map((name) => JSON.parse(this.shelf.get(name)));
  }

  put(answer) {
    this.latest = Math.max(Date.now(), this.latest + 1);
    const key = `${this.latest.toString(36).padStart(9, "0")}-${letters()}`;
    const entry = { key, ...answer, time: new Date().toISOString() };
    this.shelf.set(key, JSON.stringify(entry));
    this.answers.set(entry.item, entry);
    return entry;
  }
}

// with a server: sent in order, again and again until the server has them
export class Remote extends Kept {
  constructor(base, study, changed) {
    super(study, study.answers, changed);
    this.base = base;
    this.completion = study.completion ?? "";
    this.reached = true;
    this.refused = "";
    this.sending = false;
    this.send();
  }

  picture(id) { return `${this.base}/pictures/${id}.png`; }

  put(answer) {
    const entry = super.put(answer);
    setTimeout(() => this.send()); // after the frame with the next question; it is on the shelf
    return entry;
  }

  get waiting() { return this.shelf.names().length; }

  async send() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let [name] = this.shelf.names(); name; [name] = this.shelf.names()) {
        await this.post(name);
        this.changed();
      }
      this.sending = false;
    } catch {
      this.reached = false;
      this.changed();
      setTimeout(() => { this.sending = false; this.send(); }, RETRY);
    }
  }

  async post(name) {
    const reply = await fetch(`${this.base}/api/answers`, {
      method: "POST", headers: { "content-type": "application/json" }, body: this.shelf.get(name),
    });
    const final = [400, 404, 409].includes(reply.status); // it would be refused for ever
    if (!reply.ok && !final) throw new Error(reply.status);
    if (final) this.refused = await reply.text();
    else this.completion = (await reply.json()).completion ?? this.completion;
    this.reached = true;
    this.shelf.drop(name);
  }
}

// without a server: kept, and downloaded as JSON lines
export class Local extends Kept {
  constructor(study, pictures, changed) {
    super(study, {}, changed);
    this.study = study;
    this.pictures = pictures;
    this.waiting = 0;
    this.reached = true;
    this.refused = this.shelf.lasting ? "" : "this browser keeps nothing after the page is closed; answer all at once, and download";
  }

  picture(id) { return `data:image/webp;base64,${this.pictures[id]}`; }

  download() {
    const { study, rater } = this.study;
    const lines = this.entries().map((entry) => `${JSON.stringify({ study, rater, ...entry })}\n`);
    const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
    Object.assign(document.createElement("a"), { href: address, download: `answers-${rater}.jsonl` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }
}
