// Filters of the samples and the trace.
(() => {
  const fold = (text) => text.toLowerCase();
  const filter = (items, keeps, count) => {
    let shown = 0;
    for (const item of items) {
      const keep = keeps(item);
      item.hidden = !keep;
      if (keep) shown += 1;
    }
    count.textContent = shown === items.length ? "" : shown + " of " + items.length;
  };
  const texts = new WeakMap();
  const text = (item) => {
    if (!texts.has(item)) texts.set(item, fold(item.textContent));
    return texts.get(item);
  };

  const controls = document.getElementById("sample-controls");
  if (controls) {
    const samples = [...document.getElementById("sample-list").children];
    const search = document.getElementById("sample-search");
    const count = document.getElementById("sample-count");
    const apply = () => {
      const result = controls.querySelector("input[name=result]:checked").value;
      const wanted = fold(search.value.trim());
      filter(samples, (item) => (!result || item.dataset.result === result) && text(item).includes(wanted), count);
    };
    controls.addEventListener("input", apply);
    apply();
  }

  const search = document.getElementById("trace-search");
  if (search) {
    const steps = [...document.querySelectorAll(".trace .step")];
    const count = document.getElementById("trace-count");
    search.addEventListener("input", () => {
      const wanted = fold(search.value.trim());
      filter(steps, (item) => text(item).includes(wanted), count);
    });
    const unfold = document.getElementById("unfold");
    unfold.addEventListener("click", () => {
      const folds = [...document.querySelectorAll(".trace details")];
      const open = !folds.every((fold) => fold.open);
      for (const fold of folds) fold.open = open;
      unfold.textContent = open ? "Fold all output" : "Unfold all output";
    });
  }
})();
