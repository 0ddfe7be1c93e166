// The catalog: filters rows by words, sorts by a click on a column. No library is needed.
(function () {
  "use strict";
  const table = document.getElementById("catalog");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const search = document.getElementById("catalog-search");
  const count = document.getElementById("catalog-count");

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = shown + " of " + rows.length + " models";
  }

  function value(row, column) {
    const cell = row.cells[column];
    const number = cell.dataset.value;
    return number === undefined ? cell.textContent : Number(number);
  }

  function compare(column, sign, first, second) {
    const a = value(first, column), b = value(second, column);
    // Empty cells stay at the end.
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  }

  Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
    let sign = -1;
    head.addEventListener("click", function () {
      sign = -sign;
      rows.sort((first, second) => compare(column, sign, first, second));
      rows.forEach((row) => body.appendChild(row));
    });
  });
  search.addEventListener("input", filter);
  filter();
})();
