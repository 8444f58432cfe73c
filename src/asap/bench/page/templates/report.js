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
// The section that is being read is marked in the list of sections.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const watch = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-15% 0px -75% 0px" });
for (const node of document.querySelectorAll("main > header, section")) watch.observe(node);
