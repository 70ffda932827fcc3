"use strict";
// Controls without a kernel: each explorer's pictures, numbered as digits are counted, lie in files, some one under the other in each.
for (const figure of document.querySelectorAll("figure.explorer")) {
  const { controls, words, sheet } = JSON.parse(figure.querySelector("script").textContent);
  const picture = figure.querySelector("img");
  const caption = figure.querySelector("figcaption");
  const bench = document.createElement("div");
  bench.className = "controls";
  const sliders = controls.map(({ label, places, start }) => {
    const row = document.createElement("label");
    const name = document.createElement("span");
    const slider = document.createElement("input");
    const value = document.createElement("output");
    name.textContent = label;
    Object.assign(slider, { type: "range", min: 0, max: places.length - 1, step: 1 });
    slider.value = start;
    row.append(name, slider, value);
    bench.append(row);
    const tell = () => {
      value.textContent = places[slider.value];
      slider.setAttribute("aria-valuetext", places[slider.value]);
    };
    tell();
    slider.addEventListener("input", () => { tell(); show(); });
    return slider;
  });
  const show = () => {
    const number = controls.reduce((sum, { places }, i) => sum * places.length + Number(sliders[i].value), 0);
    const file = Math.floor(number / sheet);
    const inFile = Math.min(sheet, words.length - file * sheet);
    picture.src = `${figure.dataset.folder}${file}.webp`;
    picture.style.objectPosition = `0 ${inFile > 1 ? (100 * (number % sheet)) / (inFile - 1) : 0}%`;
    picture.alt = caption.textContent = words[number];
  };
  figure.prepend(bench);
  picture.style.aspectRatio = `${picture.getAttribute("width")} / ${picture.getAttribute("height")}`;
  picture.parentElement.replaceWith(picture); // a link would lead to one picture only
}
// On a phone the rows of a table of sentences become paragraphs, where each cell says what it is.
for (const table of document.querySelectorAll(".prose table")) {
  const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
  for (const row of table.querySelectorAll("tbody tr")) {
    [...row.cells].forEach((cell, i) => { cell.dataset.label = heads[i]; });
  }
}
// A fold is named by what it says.
for (const fold of document.querySelectorAll("summary[aria-label]")) fold.removeAttribute("aria-label");
// What is wider than its place can be scrolled by keys, too.
for (const box of document.querySelectorAll(".wide")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
// On paper it is day.
const theme = document.documentElement.dataset;
let before = theme.theme;
addEventListener("beforeprint", () => { before = theme.theme; theme.theme = "light"; });
addEventListener("afterprint", () => { theme.theme = before; });
