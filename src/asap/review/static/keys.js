// Keys and buttons, and what they do.

const TYPING = ["INPUT", "SELECT", "TEXTAREA"];
const STEP = 0.15; // of what is visible, for a move by keys
const FACTOR = 1.3;

const ACTIONS = (review) => ({
  k: () => review.decide("keep"),
  r: () => review.decide("reject"),
  w: () => review.decide("wrong label"),
  W: () => review.label(),
  u: () => review.decide("unsure"),
  z: () => review.undo(),
  Backspace: () => review.undo(),
  ArrowLeft: () => review.go(-1),
  ArrowRight: () => review.go(1),
  f: () => review.alternate(),
  m: () => review.outline(),
  b: () => review.frame(true),
  0: () => review.frame(false),
  "+": () => review.panes.zoom(FACTOR),
  "=": () => review.panes.zoom(FACTOR),
  "-": () => review.panes.zoom(1 / FACTOR),
  1: () => review.solo(0),
  2: () => review.solo(1),
  3: () => review.solo(2),
  4: () => review.solo(3),
  Escape: () => review.solo(null),
  "/": () => review.filters(),
  a: () => review.agreement(),
  "?": () => review.help(),
});
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const BUTTONS = {
  back: "ArrowLeft", next: "ArrowRight", undo: "z", flicker: "f", outline: "m", near: "b", whole: "0", in: "+", out: "-",
  "open-filters": "/", "open-agreement": "a", "open-help": "?",
};

export const bind = (review, settings) => {
  const actions = ACTIONS(review);
  const held = (event) => {
    const button = document.activeElement?.tagName === "BUTTON";
    if (event.key !== " " || button || away(event)) return false;
    event.preventDefault();
    if (!event.repeat) review.flicker.turn(event.type === "keydown" ? !review.panes.swapped : review.flicker.on && !review.panes.swapped);
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (away(event)) return;
    const undo = (event.ctrlKey || event.metaKey) && event.key === "z";
    if (held(event) || event.altKey || ((event.ctrlKey || event.metaKey) && !undo)) return;
    const move = event.shiftKey && MOVES[event.key];
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const key = letter === "w" && event.shiftKey ? "W" : letter;
    const single = settings.get("keys", true) || event.key.length > 1 || undo;
    if (!move && !(single && actions[key])) return;
    event.preventDefault();
    if (move) review.panes.pan(...move);
    else if (!event.repeat || key.startsWith("Arrow") || "+=-".includes(key)) actions[key](); // a key held down decides once
  });
  document.addEventListener("keyup", held);
  for (const [id, key] of Object.entries(BUTTONS)) press(document.getElementById(id), actions[key]);
  for (const button of document.querySelectorAll(".decide")) press(button, () => review.decide(button.dataset.word));
  for (const [index, figure] of document.querySelectorAll("#stage figure").entries()) {
    figure.addEventListener("dblclick", () => review.solo(index));
  }
};

// somebody types elsewhere; for a moment the focus stays in a dialog that has just been closed
const away = (event) => document.querySelector("dialog[open]") ||
  (TYPING.includes(event.target.tagName) && !event.target.closest("dialog"));

// after a click the focus goes, so that Space is not another click
const press = (button, action) => button.addEventListener("click", (event) => {
  if (event.detail) button.blur();
  action();
});
