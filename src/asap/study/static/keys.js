// Keys and buttons, and what they do.

const PAN = 0.15; // of what is visible
const FACTOR = 1.3;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const VOTES = { ArrowLeft: "a", ArrowRight: "b", ArrowDown: "tie", a: "a", b: "b", t: "tie" };
const RATES = { c: "correct", e: "error", u: "unsure" };
const TYPING = ["INPUT", "SELECT", "TEXTAREA"];

export const bind = (session) => {
  const zooms = { "+": () => session.panes.zoom(FACTOR), "=": () => session.panes.zoom(FACTOR), "-": () => session.panes.zoom(1 / FACTOR), 0: () => session.panes.whole() };
  const common = { z: () => session.back(), Backspace: () => session.back(), "?": () => session.help(), ...zooms };
  // what a key does now, or nothing
  const action = (key) => {
    if (common[key]) return common[key];
    if (document.body.dataset.view !== "ask") return null;
    const vote = session.now.kind === "vote", word = (vote ? VOTES : RATES)[key];
    if (word) return () => session.say(word);
    if (session.where && MOVES[key]) return () => session.panes.step(...MOVES[key]);
    if (session.where && /^[1-9]$/.test(key)) return () => session.part(Number(key) - 1);
    return key === "Enter" ? () => session.next() : null;
  };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || TYPING.includes(event.target.tagName)) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const button = event.target.tagName === "BUTTON" || event.target.tagName === "A";
    if (button && (event.key === "Enter" || event.key === " ")) return; // it presses the button
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const pan = event.shiftKey && MOVES[event.key];
    const single = session.shelf.get("keys") !== "no" || event.key.length > 1;
    const act = pan ? () => session.panes.shift(...pan.map((way) => way * PAN)) : single && action(letter);
    if (!act) return;
    event.preventDefault();
    const again = pan || zooms[letter] || (session.where && MOVES[event.key]);
    if (!event.repeat || again) act(); // a key held down answers once
  });
  const press = (button, act) => button.addEventListener("click", (event) => {
    if (event.detail) button.blur(); // so that Enter is not another click
    act();
  });
  for (const [id, key] of Object.entries({ back: "z", "open-help": "?", in: "+", out: "-", whole: "0" })) press(document.getElementById(id), common[key]);
  press(document.getElementById("next"), () => session.next());
  for (const button of document.querySelectorAll(".answer")) press(button, () => session.say(button.dataset.word));
};
