"use strict";

// Tables: a click on a heading sorts by the raw values, a second one turns the order round.
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const column = [...heading.parentNode.children].indexOf(heading);
    const descending = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = heading.closest("table").tBodies[0];
    body.classList.add("sorted");
    const key = (row) => row.cells[column].dataset.key;
    const compare = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const [x, y] = [Number(a), Number(b)];
      const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
      return descending ? -order : order;
    };
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  });
}

// Questions: by a word in them, and by what became of them.
const words = document.getElementById("question-words");
const fate = document.getElementById("question-fate");
const shown = document.getElementById("question-count");
function filterQuestions() {
  const wanted = words.value.trim().toLowerCase();
  let count = 0;
  for (const question of document.querySelectorAll("details.question")) {
    const fits = fate.value === "" || question.dataset.fate.split(" ").includes(fate.value);
    question.hidden = !fits || !question.textContent.toLowerCase().includes(wanted);
    count += question.hidden ? 0 : 1;
  }
  shown.textContent = `${count} shown`;
}
if (words !== null) {
  words.addEventListener("input", filterQuestions);
  fate.addEventListener("change", filterQuestions);
  filterQuestions();
}
