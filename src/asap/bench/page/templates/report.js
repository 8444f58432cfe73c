"use strict";
// Without this script everything is shown; with it the rows of a gallery can be narrowed down.
for (const form of document.querySelectorAll("form.filters")) {
  const gallery = form.nextElementSibling;
  const rows = [...gallery.children].map((node) => [node, JSON.parse(node.dataset.tags || "{}")]);
  const count = form.querySelector("output");
  const selects = [...form.querySelectorAll("select")];
  const fits = (tags) => selects.every((select) => !select.value || (tags[select.dataset.filter] || []).includes(select.value));
  const more = gallery.nextElementSibling;
  let most = 24; // rows at first, and more by each press
  const show = () => {
    let fit = 0;
    for (const [node, tags] of rows) node.hidden = !fits(tags) || ++fit > most;
    more.hidden = fit <= most;
    count.textContent = `${Math.min(fit, most)} of ${fit} rows` + (fit < rows.length ? `, ${rows.length} in all` : "");
  };
  const anew = () => { most = 24; show(); };
  form.addEventListener("change", anew);
  form.addEventListener("reset", () => setTimeout(anew));
  more.addEventListener("click", () => {
    const next = rows.filter(([node, tags]) => fits(tags))[most]?.[0];
    most += 24;
    show();
    next?.querySelector("figcaption").focus(); // the keyboard goes on where the new rows begin
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  gallery.classList.add("paged");
  show(); // a page that is shown again keeps what was chosen
}
// The section that is being read is marked in the list of sections, and the mark kept in view.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const parts = [...document.querySelectorAll("main > header, section")].filter((part) => links.has(part.id));
const bar = document.querySelector("nav"), list = bar.querySelector("ol");
const LINE = 0.2; // of the window's height: what lies there is being read
const reading = () => {
  const asked = parts.find((part) => part.id === location.hash.slice(1));
  const ended = scrollY + innerHeight > document.documentElement.scrollHeight - 4; // the last parts cannot come higher
  if (ended && asked && asked.getBoundingClientRect().top > 0) return asked;
  return ended ? parts.at(-1) : parts.findLast((part) => part.getBoundingClientRect().top < LINE * innerHeight) ?? parts[0];
};
const mark = () => {
  const link = links.get(reading().id);
  if (link.hasAttribute("aria-current")) return;
  for (const other of links.values()) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
  bar.scrollTop = link.offsetTop - (bar.clientHeight - link.offsetHeight) / 2;
};
const watch = new IntersectionObserver(mark, { rootMargin: `-${100 * LINE - 1}% 0px -${100 - 100 * LINE}% 0px` });
for (const part of parts) watch.observe(part);
new IntersectionObserver(mark).observe(document.querySelector("footer"));
addEventListener("hashchange", mark);
