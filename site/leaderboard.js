// Sorting by any column. The order is part of the address (#sort=COLUMN,DIRECTION), so that it can be shared.
(() => {
  const table = document.getElementById("board");
  if (!table) return;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const original = [...body.rows];
  const key = (row, column, kind) => {
    const cell = row.cells[column];
    if (kind === "text") return cell.textContent.trim().toLowerCase();
    return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
  };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const sort = (column, direction) => {
    const kind = heads[column].dataset.kind;
    const sign = direction === "descending" ? -1 : 1;
    const rows = original.map((row) => ({ row, key: key(row, column, kind) }));
    // Rows without a number stay at the end in both directions.
    rows.sort((a, b) => (a.key === null) - (b.key === null) || (a.key === null ? 0 : sign * compare(a.key, b.key)));
    body.append(...rows.map((entry) => entry.row));
    heads.forEach((head, place) => {
      if (place === column) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.kind === "number" && column > 0 ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const direction = head.getAttribute("aria-sort") === first ? other : first;
      sort(column, direction);
      history.replaceState(null, "", "#sort=" + column + "," + direction);
    });
  });
  const follow = () => {
    const wanted = /^#sort=(\d+),(ascending|descending)$/.exec(location.hash);
    if (wanted && Number(wanted[1]) < heads.length) sort(Number(wanted[1]), wanted[2]);
    const target = location.hash.startsWith("#runs-") && document.getElementById(location.hash.slice(1));
    if (target) target.open = true;
  };
  addEventListener("hashchange", follow);
  follow();
})();
