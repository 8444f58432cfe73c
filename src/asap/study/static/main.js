// A rater's way through the study: the text, the questions, the end.

import { bind } from "./keys.js";
import { find, make, page, prose } from "./pages.js";
import { Panes } from "./panes.js";
import { Pictures } from "./pictures.js";
import { Local, Remote, Shelf } from "./storage.js";

const QUESTIONS = { rate: "Is the body made wrong anywhere?", vote: "Which body is made better, A or B?" };
const DONE = { correct: "Correct", error: "Error", unsure: "Cannot tell", a: "A is better", b: "B is better", tie: "Alike" };
const AGAIN = 1500; // milliseconds

class Session {
  constructor(study, store, shelf) {
    this.study = study;
    this.asked = study.asked;
    this.shelf = shelf;
    this.store = store(() => this.reach());
    this.pictures = new Pictures((id) => this.store.picture(id));
    this.panes = new Panes(find("stage"), () => this.marked());
    this.at = 0;
    this.where = false; // an error was said, and its place is asked for
    this.parts = new Set();
    this.buttons();
  }

  buttons() {
    document.title = find("title").textContent = this.study.title;
    prose(find("again"), this.study.instructions);
    for (const kind of ["rate", "vote"]) if (this.asked.some((one) => one.kind === kind)) find("help").dataset[`${kind}s`] = "";
    find("parts").replaceChildren(...this.study.parts.map((part, index) => {
      const button = make("button", { type: "button", onclick: () => this.part(index) }, `${part} `, make("kbd", { textContent: index + 1 }));
      button.setAttribute("aria-keyshortcuts", index + 1);
      return button;
    }));
  }

  get now() { return this.asked[this.at]; }
  get answer() { return this.store.answers.get(this.now?.id); }
  get open() { return this.asked.findIndex((one) => !this.store.answers.has(one.id)); }

  async start() {
    if (!this.store.answers.has("consent")) {
      await page("consent", "Before you begin", this.study.instructions, "go");
      this.store.put({ item: "consent", word: "yes" });
    }
    this.onward();
  }

  // the first question without an answer, or the end
  onward() {
    if (this.open < 0) { this.end(); return; }
    this.at = this.open;
    this.show();
  }

  async show() {
    const { kind, id } = this.now;
    document.body.dataset.view = "ask";
    document.body.dataset.kind = kind;
    document.body.dataset.item = "";
    find("text").hidden = true;
    find("question").hidden = document.querySelector("footer").hidden = false;
    find("asked").textContent = QUESTIONS[kind];
    this.draft(this.answer);
    this.status();
    find("stage").classList.add("waiting");
    try {
      const shown = await this.pictures.of(this.asked, this.at);
      if (this.now?.id !== id) return;
      this.panes.show(shown, this.answer?.box);
    } catch {
      setTimeout(() => { if (this.now?.id === id && document.body.dataset.view === "ask") this.show(); }, AGAIN);
      return;
    }
    find("stage").classList.remove("waiting");
    document.body.dataset.item = id;
    this.seen = 0;
    this.since = document.hidden ? null : performance.now();
  }

  // time passes only while the page is seen
  watch() {
    if (document.hidden && this.since !== null) { this.seen += performance.now() - this.since; this.since = null; }
    else if (!document.hidden) this.since ??= performance.now();
  }

  get seconds() { return Math.round(this.seen + (this.since === null ? 0 : performance.now() - this.since)) / 1000; }
  get ready() { return document.body.dataset.view === "ask" && document.body.dataset.item === this.now?.id; }

  draft(answer) {
    this.where = false;
    this.parts = new Set(answer?.parts ?? []);
  }

  say(word) {
    if (!this.ready) return;
    if (word === "error" && !this.where) { this.place(); return; }
    if (word === "error") { this.next(); return; }
    this.put({ word });
  }

  // the error's place and part are asked for
  place() {
    this.where = true;
    this.status();
    find("said").textContent = "Error. Where is the worst one? Mark it, or choose a part by its number; Enter goes on.";
  }

  marked() {
    if (!this.ready || this.now.kind !== "rate") return;
    if (!this.where) this.place();
  }

  part(index) {
    const part = this.study.parts[index];
    if (part === undefined || !this.where) return;
    if (!this.parts.delete(part)) this.parts.add(part);
    find("said").textContent = `${part}: ${this.parts.has(part) ? "chosen" : "not chosen"}.`;
    this.status();
  }

  // a finished error is put down; a question that was answered before is left as it is
  next() {
    if (!this.ready) return;
    if (this.where) this.put({ word: "error", parts: [...this.parts], ...(this.panes.box ? { box: this.panes.box.map((x) => Math.round(x * 10) / 10) } : {}) });
    else if (this.answer) this.onward();
  }

  put(answer) {
    this.store.put({ item: this.now.id, ...answer, seconds: this.seconds });
    this.onward();
    const rest = this.open < 0 ? "All questions are answered." : `Question ${this.at + 1} of ${this.asked.length}. ${QUESTIONS[this.now.kind]}`;
    find("said").textContent = `${DONE[answer.word]}. ${rest}`;
  }

  back() {
    if (document.body.dataset.view === "end") { this.at = this.asked.length - 1; this.show(); return; }
    if (document.body.dataset.view !== "ask") return;
    if (this.where) {
      this.draft(this.answer);
      this.panes.box = this.answer?.box ?? null;
      this.panes.draw();
      this.status();
    } else if (this.at > 0) {
      this.at -= 1;
      this.show();
      find("said").textContent = `Back at question ${this.at + 1}${this.answer ? `: ${DONE[this.answer.word]}` : ""}.`;
    }
  }

  // everything but the pictures
  status() {
    const count = this.asked.length, done = this.asked.filter((one) => this.store.answers.has(one.id)).length;
    Object.assign(find("bar"), { max: count, value: done });
    find("done").textContent = `${this.at + 1} of ${count}`;
    find("where").hidden = !this.where;
    document.querySelector("footer").toggleAttribute("data-answered", this.where || Boolean(this.answer));
    find("back").disabled = !this.at && !this.where;
    const word = this.where ? "error" : this.answer?.word;
    for (const button of document.querySelectorAll(".answer")) button.setAttribute("aria-pressed", String(button.dataset.word === word));
    for (const [index, button] of [...find("parts").children].entries()) button.setAttribute("aria-pressed", String(this.parts.has(this.study.parts[index])));
    this.reach();
  }

  reach() {
    const { waiting, reached, refused, completion } = this.store;
    document.body.dataset.waiting = waiting;
    find("link").hidden = reached && !refused;
    find("link").textContent = reached ? `Not taken: ${refused}` : `The server does not answer. ${waiting} ${waiting === 1 ? "answer is" : "answers are"} kept here and will be sent when it does.`;
    if (document.body.dataset.view !== "end" || this.store.download) return;
    find("code").hidden = !completion;
    find("completion").textContent = completion;
  }

  async end() {
    const local = Boolean(this.store.download);
    const text = local
      ? "All questions are answered. Download the file with your answers, and send it to those who run the study. Without it they have nothing."
      : "All questions are answered. You may close this page.";
    this.at = this.asked.length;
    const shown = page("end", "Thank you", text, "mend", ...(local ? ["download"] : []));
    this.reach();
    const pressed = await shown;
    if (pressed === "mend") this.back();
    if (pressed === "download") { this.store.download(); this.end(); }
  }

  settings() {
    const theme = this.shelf.get("theme") ?? "";
    document.documentElement.dataset.theme = theme;
    find("theme").value = theme;
    find("keys").checked = this.shelf.get("keys") !== "no";
  }

  help() {
    find("theme").onchange = () => { this.shelf.set("theme", find("theme").value); this.settings(); };
    find("keys").onchange = () => this.shelf.set("keys", find("keys").checked ? "yes" : "no");
    find("help").showModal();
  }
}

const begin = (study, store) => {
  const session = new Session(study, store, new Shelf("asap-study-settings/"));
  session.settings();
  document.addEventListener("visibilitychange", () => session.watch());
  bind(session);
  return session.start();
};

const trouble = (text) => page("trouble", "This did not work", text);

// a rater's link, or the join page, which leads to one
const online = async () => {
  const base = location.pathname.replace(/\/$/, "");
  if (!base.startsWith("/r/")) {
    await page("join", "A study of pictures", "You get a place in the study, and a link of your own in the address line. Keep the link: it leads you back to where you stopped.", "go");
    const reply = await fetch("/api/join", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    if (reply.ok) location.assign((await reply.json()).page);
    else await trouble("There is no free place in this study.");
    return;
  }
  const reply = await fetch(`${base}/api/study`);
  if (!reply.ok) { await trouble("This link belongs to no rater of the study. Check that it is whole."); return; }
  const study = await reply.json();
  await begin(study, (changed) => new Remote(base, study, changed));
};

// one file for all raters: the code tells whose questions are shown
const offline = async ({ raters, pictures, ...shared }) => {
  document.title = find("title").textContent = shared.title;
  let code = location.hash.slice(1).trim().toLowerCase();
  for (let wrong = false; !Object.hasOwn(raters, code); wrong = true) {
    const text = wrong && code ? "No rater has this code. Type it as it was sent to you." : "Type the code that was sent to you.";
    const pressed = page("code", "Your code", text, "go");
    find("join").hidden = false;
    find("own-code").value = "";
    find("own-code").focus();
    await pressed;
    code = find("own-code").value.trim().toLowerCase();
  }
  const study = { ...shared, rater: code, asked: raters[code] };
  await begin(study, (changed) => new Local(study, pictures, changed));
};

find("join").addEventListener("submit", (event) => { event.preventDefault(); find("go").click(); });
const inside = find("study-data");
await (inside ? offline(JSON.parse(inside.textContent)) : online());
