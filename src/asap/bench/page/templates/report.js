"use strict";
// Without this script everything is shown; with it the rows of a gallery can be narrowed down.
for (const form of document.querySelectorAll("form.filters")) {
  const gallery = form.nextElementSibling;
  const rows = [...gallery.children].map((node) => [node, JSON.parse(node.dataset.tags || "{}")]);
  const count = form.querySelector("output");
  const show = () => {
    const wanted = [...form.querySelectorAll("select")].filter((select) => select.value);
    const fits = (tags) => wanted.every((select) => (tags[select.dataset.filter] || []).includes(select.value));
    let shown = 0;
    for (const [node, tags] of rows) {
      node.hidden = !fits(tags);
      shown += node.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("change", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
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
