// The page: what is shown, what a key does.

import { KINDS, METRICS, Pairs, STATES, UNFILTERED, chosen } from "./data.js";
import { Decisions, Outbox } from "./decisions.js";
import { bind } from "./keys.js";
import { askName, chooseError, showAgreement, showFilters, showHelp } from "./panels.js";
import { Flicker, Panes } from "./panes.js";
import { Pictures } from "./pictures.js";
import { Settings } from "./settings.js";
import { Speed } from "./speed.js";

const find = (id) => document.getElementById(id);
const DONE = { keep: "Kept", reject: "Rejected", "wrong label": "Wrong label", unsure: "Unsure" };

class Review {
  constructor(dataset, settings) {
    this.settings = settings;
    this.pairs = new Pairs(dataset);
    this.decisions = new Decisions();
    this.pictures = new Pictures(dataset.version);
    this.panes = new Panes(find("stage"), () => this.framed(null));
    this.flicker = new Flicker(this.panes, (swapped) => this.swapped(swapped));
    this.speed = new Speed();
    this.outbox = new Outbox(dataset.name, this.decisions, () => this.status());
    this.filter = { ...UNFILTERED, ...settings.get("filter", {}) };
    this.me = settings.get("name", ""); // asked of each pair, which the browser's storage is too slow for
    this.queue = [];
    this.at = 0;
    document.title = dataset.title;
    find("title").textContent = dataset.title;
  }

  get pair() { return this.pairs.ids[this.queue[this.at]]; }

  async start() {
    await this.outbox.start();
    if (!this.me) await this.named();
    this.refilter(this.settings.get("at", null));
  }

  // the queue made anew; it begins at `pair` where that is in it
  refilter(pair = null) {
    const { scope, queue } = chosen(this.pairs, this.decisions, this.me, this.filter);
    Object.assign(this, { scope, queue });
    this.at = Math.max(0, queue.indexOf(this.pairs.numbers.get(pair)));
    this.settings.set("filter", this.filter);
    this.show();
  }

  async go(step) {
    const to = Math.min(Math.max(this.at + step, 0), Math.max(this.queue.length - 1, 0));
    if (to !== this.at) { this.at = to; await this.show(); }
  }

  async show() {
    const pair = this.pair;
    this.settings.set("at", pair ?? null);
    find("stage").classList.toggle("none", !pair);
    this.status();
    if (!pair) return;
    const ready = this.pictures.get(pair);
    if (ready) {
      this.shown(ready);
      setTimeout(() => this.ahead().catch(() => {})); // after the frame
    } else {
      this.waiting(true);
      this.ahead().then((shot) => this.shown(shot), () => this.retry(pair));
    }
  }

  // the pair that is shown, and those around it, wanted
  ahead() { return this.pictures.want((at) => this.pairs.ids[this.queue[at]], this.at); }

  waiting(on) { find("stage").classList.toggle("waiting", on); }

  retry(pair) {
    this.outbox.lost();
    setTimeout(() => { if (this.pair === pair && this.panes.shot?.pair !== pair) this.show(); }, 1000);
  }

  shown(shot) {
    if (shot.pair !== this.pair) return; // it came too late
    this.waiting(false);
    this.panes.show(shot);
    this.speed.begin();
    this.tell(shot.facts);
    document.body.dataset.pair = shot.pair;
    const [key] = performance.getEntriesByName("key");
    performance.clearMarks("key");
    if (key) requestAnimationFrame(() => performance.measure("next", { start: key.startTime }));
  }

  tell(facts) {
    find("error").textContent = facts.error;
    find("prompt").textContent = facts.prompt;
    list("numbers", Object.entries(METRICS).filter(([name]) => facts[name] !== null)
      .map(([name, label]) => [label, facts[name].toFixed(name.endsWith("outside") ? 4 : 3)]));
    list("facts", [...Object.entries(KINDS).filter(([name]) => facts[name] && name !== "error")
      .map(([name, label]) => [label, facts[name]]),
    ["Photo", facts.source], ...Object.entries(facts.parameters).map(([name, value]) => [name.replaceAll("_", " "), short(value)])]);
  }

  decide(word, error = null) {
    if (!this.pair || this.panes.shot?.pair !== this.pair) return; // nobody decides on what is not shown
    performance.clearMarks("key");
    performance.mark("key");
    const seconds = this.speed.end();
    this.outbox.put({ pair: this.pair, who: this.me, word, error, seconds, undoes: null });
    this.say(`${DONE[word]}${error ? `: ${error}` : ""}.`);
    this.onward();
  }

  // the next pair that is not decided, or the end of the queue
  onward() {
    const open = (number) => !this.decisions.of(this.pairs.ids[number], this.me);
    const next = this.queue.findIndex((number, at) => at > this.at && (this.filter.state !== "todo" || open(number)));
    if (next >= 0) { this.at = next; this.show(); return; }
    if (this.filter.state === "todo" && this.queue.some(open)) this.at = this.queue.findIndex(open);
    else if (this.filter.state === "todo") this.queue = [];
    this.show();
  }

  undo() {
    const last = this.decisions.last(this.me);
    if (!last) { this.say("Nothing to undo."); return; }
    this.outbox.put({ pair: last.pair, who: this.me, word: "", error: null, seconds: null, undoes: last.key });
    this.speed.back();
    this.say(`Undone: ${DONE[last.word].toLowerCase()}.`);
    const number = this.pairs.numbers.get(last.pair), there = this.queue.indexOf(number);
    if (number === undefined) return; // decided on before the dataset was built anew
    if (there < 0) { this.filter = { ...UNFILTERED }; this.refilter(last.pair); } else { this.at = there; this.show(); }
  }

  say(text) { find("said").textContent = text; }

  // everything but the pictures
  status() {
    const mine = this.scope?.filter((number) => this.decisions.of(this.pairs.ids[number], this.me)).length ?? 0;
    const count = this.scope?.length ?? 0;
    Object.assign(find("bar"), { max: Math.max(1, count), value: mine });
    find("done").textContent = `${mine.toLocaleString()} of ${count.toLocaleString()}`;
    find("speed").textContent = this.speed.told(count - mine);
    find("place").textContent = this.pair ? `${(this.at + 1).toLocaleString()} / ${this.queue.length.toLocaleString()}` : "";
    const kinds = [...Object.keys(KINDS), "metric"].map((name) => METRICS[this.filter[name]] ?? this.filter[name]).filter(Boolean);
    find("scope").textContent = [STATES[this.filter.state].split(":")[0], ...kinds].join(" · ");
    find("me").textContent = this.me;
    this.marks();
    this.reach();
  }

  // what was decided on the pair that is shown; what others said stays hidden until one has decided oneself
  marks() {
    const mine = this.pair && this.decisions.of(this.pair, this.me);
    const line = this.pair && this.pairs.written.get(this.pair);
    find("mine").hidden = !mine;
    find("mine").textContent = mine ? DONE[mine.word] + (mine.error ? `: ${mine.error}` : "") : "";
    find("mine").dataset.word = mine?.word ?? "";
    const others = mine ? this.decisions.all(this.pair).filter((entry) => entry.who !== this.me) : [];
    const told = others.map((entry) => [entry.word, `${entry.who}: ${entry.word}`]);
    if (line) told.push([line.word, `decisions.jsonl: ${line.word}, which counts`]);
    find("others").replaceChildren(...told.map(([word, text]) => {
      const item = Object.assign(document.createElement("li"), { className: "badge", textContent: text });
      item.dataset.word = word;
      return item;
    }));
    for (const button of document.querySelectorAll(".decide")) {
      button.setAttribute("aria-pressed", String(button.dataset.word === mine?.word));
      button.disabled = !this.pair;
    }
    const empty = find("empty"), over = this.scope?.length && this.filter.state === "todo";
    empty.hidden = Boolean(this.pair);
    empty.textContent = over ? "All of them are decided. Thank you." : "No pair matches the filter.";
  }

  reach() {
    const waiting = this.outbox.waiting().length;
    const link = find("link");
    document.body.dataset.waiting = waiting;
    const lost = `The server does not answer. ${waiting ? `${waiting} ${waiting === 1 ? "decision is" : "decisions are"} kept here and` : "Decisions"} will be sent when it does.`;
    link.hidden = this.outbox.reached && !this.outbox.refused;
    link.textContent = this.outbox.reached ? `Not taken: ${this.outbox.refused}` : lost;
  }

  framed(near) {
    find("near").setAttribute("aria-pressed", String(near === true));
    find("whole").setAttribute("aria-pressed", String(near === false));
  }

  frame(near) { this.panes.frame(near); this.framed(near); }

  swapped(on) {
    const names = on ? ["Negative", "Positive"] : ["Positive", "Negative"];
    for (const [index, name] of ["chosen", "rejected"].entries()) {
      const figure = document.querySelector(`[data-pane=${name}]`);
      figure.dataset.shows = names[index].toLowerCase();
      figure.querySelector(".name").textContent = names[index];
      figure.querySelector("canvas").setAttribute("aria-label", names[index]);
    }
  }

  alternate() {
    this.solo(null);
    this.flicker.set(!this.flicker.on);
    find("flicker").setAttribute("aria-pressed", String(this.flicker.on));
  }

  solo(number) {
    const { panes, stage } = this.panes, name = panes[number]?.name ?? "";
    if (name && this.flicker.on) this.alternate();
    stage.dataset.solo = stage.dataset.solo === name ? "" : name;
    this.panes.draw();
  }

  outline() {
    this.panes.outlined = !this.panes.outlined;
    find("outline").setAttribute("aria-pressed", String(this.panes.outlined));
    this.panes.draw();
  }

  async label() {
    const error = await chooseError(this.pairs.words("error").filter((name) => name !== this.panes.shot?.facts.error));
    if (error !== null) this.decide("wrong label", error || null);
  }

  async filters() {
    const count = (filter) => chosen(this.pairs, this.decisions, this.me, filter).queue.length;
    const filter = await showFilters(this.pairs, this.filter, count);
    if (filter) { this.filter = filter; this.refilter(this.pair); }
  }

  async agreement() {
    if (!(await showAgreement())) return;
    await this.outbox.look().catch(() => this.outbox.lost());
    this.filter = { ...UNFILTERED, state: "disputed", order: "disagreement", descending: true };
    this.refilter();
  }

  async help() {
    if (await showHelp(this.settings)) { await this.named(); this.refilter(this.pair); }
  }

  async named() {
    this.me = await askName(this.me);
    this.settings.set("name", this.me);
  }
}

const short = (value) => {
  const text = typeof value === "number" ? String(Number(value.toPrecision(4))) : typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};

const list = (id, rows) => find(id).replaceChildren(...rows.map(([name, value]) => {
  const row = document.createElement("div");
  row.append(...["dt", "dd"].map((tag, index) => Object.assign(document.createElement(tag), { textContent: [name, value][index] })));
  return row;
}));


const dataset = await (await fetch("/api/dataset")).json();
const settings = new Settings(dataset.name);
settings.theme();
const review = new Review(dataset, settings);
bind(review, settings);
await review.start();
