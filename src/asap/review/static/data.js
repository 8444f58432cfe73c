// The pairs of the dataset, and which of them to look at, in which order.

export const METRICS = {
  ssim_inside: "SSIM inside", ssim_outside: "SSIM outside",
  lpips_inside: "LPIPS inside", lpips_outside: "LPIPS outside",
};
export const KINDS = { part: "Part", error: "Error", detector: "Detector", degradation: "Edit", split: "Split" };
export const STATES = {
  todo: "to do: not decided by me", all: "all", mine: "decided by me", nobody: "decided by nobody",
  disputed: "disputed", keep: "I keep", reject: "I reject", "wrong label": "I say wrong label", unsure: "I am unsure",
};
export const ORDERS = {
  dataset: "as in the dataset", error: "error", ...METRICS, disagreement: "disagreement", random: "shuffled for me",
};
export const ANY = "";
export const UNFILTERED = { state: "todo", order: "dataset", descending: false, metric: ANY, least: "", most: "" };

export class Pairs {
  constructor({ ids, columns, written }) {
    this.ids = ids;
    this.columns = columns;
    this.written = new Map(Object.entries(written));
    this.numbers = new Map(ids.map((id, number) => [id, number]));
  }

  // of pair number `number`: a word or a number, null where it is unknown
  value(name, number) {
    const column = this.columns[name];
    if (column.numbers) return column.numbers[number];
    const code = column.codes[number];
    return code === null ? null : column.words[code];
  }

  words(name) {
    return [...this.columns[name].words].sort();
  }
}

const matching = (pairs, filter) => {
  const kinds = Object.keys(KINDS).filter((name) => filter[name]);
  const [least, most] = [filter.least, filter.most].map((text) => (text === "" ? null : Number(text)));
  return (number) =>
    kinds.every((name) => pairs.value(name, number) === filter[name]) &&
    (!filter.metric || within(pairs.value(filter.metric, number), least, most));
};

const within = (value, least, most) =>
  value !== null && (least === null || value >= least) && (most === null || value <= most);

const inState = (pairs, decisions, me, state) => (number) => {
  const id = pairs.ids[number];
  const mine = decisions.of(id, me)?.word;
  switch (state) {
    case "all": return true;
    case "todo": return !mine;
    case "mine": return Boolean(mine);
    case "nobody": return decisions.count(id) === 0;
    // what others said stays hidden until one has decided oneself
    case "disputed": return Boolean(mine) && decisions.disagreement(id) > 0;
    default: return mine === state;
  }
};

// a number in [0, 1) that depends on the text alone (FNV-1a)
const hash = (text) => {
  let value = 2166136261;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 16777619);
  return (value >>> 0) / 4294967296;
};

const ranked = (pairs, decisions, me, order) => (number) => {
  if (order === "disagreement") return decisions.of(pairs.ids[number], me) ? decisions.disagreement(pairs.ids[number]) : 0;
  if (order === "random") return hash(me + pairs.ids[number]);
  return pairs.value(order, number);
};

// The numbers of the pairs of `filter`: `scope` in any state, `queue` those to look at, in order.
export const chosen = (pairs, decisions, me, filter) => {
  const scope = pairs.ids.map((_, number) => number).filter(matching(pairs, filter));
  const queue = scope.filter(inState(pairs, decisions, me, filter.state));
  if (filter.order !== "dataset") {
    const rank = ranked(pairs, decisions, me, filter.order);
    const keys = new Map(queue.map((number) => [number, rank(number)]));
    queue.sort((a, b) => compare(keys.get(a), keys.get(b)) || a - b);
  }
  if (filter.descending) queue.reverse();
  return { scope, queue };
};

const compare = (a, b) => {
  if (a === null || b === null) return (a === null) - (b === null);
  return a < b ? -1 : a > b ? 1 : 0;
};
