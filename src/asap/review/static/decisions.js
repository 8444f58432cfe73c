// What people decided, as far as this page knows: the server's journal, and what still waits to be sent.

const POLL = 4000; // milliseconds between looks at the journal
const RETRY = 1000;

// Decisions folded from the journal's entries; an entry that comes twice counts once.
export class Decisions {
  constructor() {
    this.known = new Set();
    this.pairs = new Map(); // pair -> person -> entries that were not undone, oldest first
    this.history = []; // all entries that were not undone, oldest first
  }

  add(entry) {
    if (this.known.has(entry.key)) return false;
    this.known.add(entry.key);
    const people = this.pairs.get(entry.pair) ?? new Map();
    const live = people.get(entry.who) ?? [];
    const left = entry.undoes ? live.filter((other) => other.key !== entry.undoes) : [...live, entry];
    if (left.length) people.set(entry.who, left);
    else people.delete(entry.who);
    this.pairs.set(entry.pair, people);
    if (entry.undoes) this.history = this.history.filter((other) => other.key !== entry.undoes);
    else this.history.push(entry);
    return true;
  }

  of(pair, who) {
    return this.pairs.get(pair)?.get(who)?.at(-1);
  }

  all(pair) {
    return [...(this.pairs.get(pair) ?? [])].map(([who, live]) => ({ ...live.at(-1), who }));
  }

  count(pair) {
    return this.pairs.get(pair)?.size ?? 0;
  }

  // the share of people who did not say what most said, in [0, 1)
  disagreement(pair) {
    const words = this.all(pair).map((entry) => entry.word);
    const most = Math.max(0, ...words.map((word) => words.filter((other) => other === word).length));
    return words.length ? 1 - most / words.length : 0;
  }

  last(who) {
    return this.history.findLast((entry) => entry.who === who);
  }
}

// Sends decisions in order, again and again until the server has them; they survive a reload of the page.
export class Outbox {
  constructor(dataset, decisions, changed) {
    this.prefix = `asap-review/${dataset}/waiting/`;
    this.decisions = decisions;
    this.changed = changed;
    this.after = 0;
    this.latest = 0;
    this.sending = false;
    this.reached = true;
    this.refused = "";
  }

  // begins with what the journal and an earlier visit hold
  async start() {
    await this.look();
    for (const [, entry] of this.waiting()) this.decisions.add(entry);
    setInterval(() => this.look().then(this.changed, () => this.lost()), POLL);
    this.send();
  }

  // [name in storage, entry] of what the server does not have yet, oldest first
  waiting() {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(this.prefix)).sort();
    return names.map((name) => [name, JSON.parse(localStorage.getItem(name))]);
  }

  put(entry) {
    this.latest = Math.max(Date.now(), this.latest + 1); // an undo is sent after what it undoes
    const key = `${this.latest.toString(36).padStart(9, "0")}-${letters()}`;
    const whole = { ...entry, key };
    localStorage.setItem(this.prefix + key, JSON.stringify(whole));
    this.decisions.add(whole);
    setTimeout(() => this.send()); // after the frame with the next pair; it is safe in the browser's storage
    return whole;
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let waiting = this.waiting(); waiting.length; waiting = this.waiting()) {
        await this.post(...waiting[0]);
        this.changed();
      }
      this.sending = false;
    } catch {
      this.lost();
      setTimeout(() => { this.sending = false; this.send(); }, RETRY);
    }
  }

  async post(name, entry) {
    const reply = await fetch("/api/decisions", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(entry),
    });
    const final = [400, 404, 409].includes(reply.status); // it would be refused for ever
    if (!reply.ok && !final) throw new Error(reply.status);
    if (final) this.refused = await reply.text();
    this.reached = true;
    localStorage.removeItem(name);
  }

  // new entries of the journal, one's own and those of others
  async look() {
    for (let full = true; full;) {
      const reply = await fetch(`/api/decisions?after=${this.after}`);
      if (!reply.ok) throw new Error(reply.status);
      const { entries } = await reply.json();
      for (const entry of entries) this.decisions.add(entry);
      this.after = entries.at(-1)?.number ?? this.after;
      full = entries.length > 0;
    }
    this.reached = true;
  }

  lost() {
    this.reached = false;
    this.changed();
  }
}

// crypto.randomUUID wants https; this does not
const letters = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
