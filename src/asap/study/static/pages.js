// Pages of text, and plain text as paragraphs.

export const find = (id) => document.getElementById(id);
export const make = (tag, values, ...children) => {
  const made = Object.assign(document.createElement(tag), values);
  made.append(...children);
  return made;
};

// paragraphs of plain text; a first line in capitals is a heading
export const prose = (place, text) => {
  place.classList.add("prose");
  place.replaceChildren(...text.split(/\n\s*\n/).flatMap((block) => {
    const [first, ...rest] = block.trim().split("\n");
    const heading = first && first === first.toUpperCase() && first !== first.toLowerCase();
    const body = heading ? rest.join("\n") : block.trim();
    return [...(heading ? [make("h3", { textContent: first })] : []), ...(body ? [make("p", { textContent: body })] : [])];
  }));
};

// a page of text, with the buttons that are named; the promise is of the button that was pressed
export const page = (view, title, text, ...buttons) => new Promise((resolve) => {
  document.body.dataset.view = view;
  for (const id of ["question", "code", "join"]) find(id).hidden = true;
  document.querySelector("footer").hidden = true;
  find("text").hidden = false;
  find("headline").textContent = title;
  prose(find("body"), text);
  for (const id of ["mend", "download", "go"]) {
    find(id).hidden = !buttons.includes(id);
    find(id).onclick = () => resolve(id);
  }
  find("text").onkeydown = (event) => { if (event.key === "Enter" && event.target.id === "text" && !find("go").hidden) find("go").click(); };
  find("text").focus();
});
