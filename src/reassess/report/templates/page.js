"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const FIRST = 25, CARDS = 24, MORE = 200;

  // A spreadsheet would run a text that starts like a formula.
  const quote = (cell) => {
    if (cell === null) return "";
    if (typeof cell === "number") return String(cell);
    const text = /^[=+\-@\t\r]/.test(cell) ? "'" + cell : cell;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const save = (name, columns, rows) => {
    const text = [columns, ...rows].map((row) => row.map(quote).join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + text], { type: "text/csv" }));
    link.download = name.replace(/[^\w.-]+/g, "-") + ".csv";
    link.click();
    URL.revokeObjectURL(link.href);
  };
  for (const button of document.querySelectorAll("[data-csv]")) {
    button.hidden = false;
    const { columns, rows } = data.tables[button.dataset.csv];
    button.addEventListener("click", () => save(button.dataset.csv, columns, rows));
  }

  const format = (cell, form) => {
    if (cell === null) return "-";
    if (typeof cell !== "number") return cell;
    const digits = form === ",d" ? 0 : Number(form.slice(1, -1));
    return cell.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
      .replace(/^100\.00$/, "100.0");
  };

  // Long names may break between their parts.
  const withBreaks = (text) => text.split(/(?<=[A-Za-z0-9][_./-])(?=\w)/)
    .flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part]));

  const explore = (section) => {
    const { columns, forms, classColumns, order, rows } = data.explorers[section.dataset.explorer];
    const part = (role) => section.querySelector(`[data-role="${role}"]`);
    const [model, search, status, more] = ["model", "search", "status", "more"].map(part);
    const body = section.querySelector("tbody"), headings = [...section.querySelectorAll("th[aria-sort]")];
    const nameOf = (id) => (id === null ? null : id < 0 ? data.noClass : data.classes[id]);
    const namesOf = (cell) => (Array.isArray(cell) ? cell.map(nameOf).join("; ") : nameOf(cell));
    const withNames = (row) => row.map((cell, i) => (classColumns.includes(i) ? namesOf(cell) : cell));
    const rowsByModel = {};
    const all = () => (rowsByModel[model.value] ??= rows[model.value].map(withNames));
    let [sortColumn, isDescending] = order, most = FIRST;

    const matching = () => {
      const query = search.value.trim().toLowerCase();
      const fits = (row) => row.some((cell) => typeof cell === "string" && cell.toLowerCase().includes(query));
      const matches = query ? all().filter(fits) : [...all()];
      const sign = isDescending ? -1 : 1;
      return matches.sort((a, b) => {
        if (a[sortColumn] === null || b[sortColumn] === null) return (a[sortColumn] === null) - (b[sortColumn] === null);
        if (typeof a[sortColumn] === "number") return sign * (a[sortColumn] - b[sortColumn]);
        return sign * a[sortColumn].localeCompare(b[sortColumn], "en");
      });
    };
    const show = () => {
      const matches = matching();
      body.replaceChildren(...matches.slice(0, most).map((row) => {
        const line = document.createElement("tr");
        row.forEach((cell, i) => {
          const box = document.createElement(i ? "td" : "th");
          if (!i) box.scope = "row";
          if (forms[i] !== "s") box.className = "n";
          box.append(...withBreaks(format(cell, forms[i])));
          line.append(box);
        });
        return line;
      }));
      const direction = isDescending ? "descending" : "ascending";
      headings.forEach((heading, i) => heading.setAttribute("aria-sort", i === sortColumn ? direction : "none"));
      const count = (n) => n.toLocaleString("en-US");
      status.textContent = `${count(Math.min(most, matches.length))} of ${count(matches.length)} rows`;
      more.hidden = most >= matches.length;
    };
    headings.forEach((heading, i) => heading.firstElementChild.addEventListener("click", () => {
      [sortColumn, isDescending] = [i, sortColumn === i ? !isDescending : forms[i] !== "s"];
      show();
    }));
    search.addEventListener("input", () => { most = FIRST; show(); });
    model.addEventListener("change", show);
    more.addEventListener("click", () => { most += MORE; show(); });
    part("csv").addEventListener("click", () => save(`${section.dataset.explorer}-${model.value}`, columns, all()));
    for (const hidden of section.querySelectorAll("[hidden]")) hidden.hidden = false;
    show();
  };
  document.querySelectorAll("[data-explorer]").forEach(explore);

  const controls = document.getElementById("gallery-controls");
  if (controls) {
    const part = (role) => controls.querySelector(`[data-role="${role}"]`);
    const [what, kind, search, disputed] = ["show", "kind", "class", "disputed"].map(part);
    const status = controls.querySelector("[role=status]"), more = document.getElementById("gallery-more");
    const cards = [...document.querySelectorAll(".gallery li")];
    const filters = new Map(cards.map((card) => [card, JSON.parse(card.dataset.filters)]));
    let most = CARDS;

    const fits = ({ mistakes, about, classes, disputed: isDisputed }) => {
      const chosen = what?.value ?? "", kindChosen = kind?.value ?? "";
      const [group, name] = [chosen.split(" ", 1)[0], chosen.slice(chosen.indexOf(" ") + 1)];
      const query = search.value.trim().toLowerCase();
      const kinds = group === "model" ? [mistakes[name]] : Object.values(mistakes);
      return (group !== "model" || name in mistakes) && (group !== "about" || about.includes(name))
        && (kindChosen === "" || kinds.includes(kindChosen)) && (!disputed?.checked || isDisputed)
        && (query === "" || classes.some((name) => name.toLowerCase().includes(query)));
    };
    const matching = () => cards.filter((card) => fits(filters.get(card)));
    const show = () => {
      const matches = matching();
      cards.forEach((card) => { card.hidden = true; });
      matches.slice(0, most).forEach((card) => { card.hidden = false; });
      status.textContent = `${Math.min(most, matches.length)} of ${matches.length} images`;
      more.hidden = most >= matches.length;
    };
    const filter = () => { most = CARDS; show(); };
    for (const control of [what, kind, disputed]) control?.addEventListener("change", filter);
    search.addEventListener("input", filter);
    more.addEventListener("click", () => { most += MORE; show(); });
    controls.hidden = false;
    show();

    const dialog = document.getElementById("enlarged"), image = dialog.querySelector("img");
    const [previous, next, close] = ["previous", "next", "close"].map((role) => dialog.querySelector(`[data-role="${role}"]`));
    const pictured = () => matching().filter((card) => card.querySelector("img"));
    let shown;
    const enlarge = (card) => {
      shown = card;
      const small = card.querySelector("img");
      for (const name of ["src", "alt", "width", "height"]) image[name] = small[name];
      for (const tag of [".name", "dl"]) {
        dialog.querySelector(tag).replaceChildren(...card.querySelector(tag).cloneNode(true).childNodes);
      }
      const all = pictured(), at = all.indexOf(card);
      previous.disabled = at <= 0;
      next.disabled = at === all.length - 1;
      if (!dialog.open) dialog.showModal();
    };
    const move = (step) => {
      const all = pictured(), card = all[all.indexOf(shown) + step];
      if (card) enlarge(card);
    };
    for (const card of cards) {
      const small = card.querySelector("img");
      if (!small) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "picture";
      button.title = "Enlarge";
      small.replaceWith(button);
      button.append(small);
      button.addEventListener("click", () => enlarge(card));
    }
    previous.addEventListener("click", () => move(-1));
    next.addEventListener("click", () => move(1));
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") move(-1);
      if (event.key === "ArrowRight") move(1);
    });
    dialog.addEventListener("close", () => shown.querySelector("button").focus());
  }

  // Tables that are wider than their box have a hint to scroll.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target.closest(".scroll");
      box.previousElementSibling.hidden = box.scrollWidth <= box.clientWidth + 1;
    }
  });
  for (const box of document.querySelectorAll(".scroll")) {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = "Scroll right for more columns →";
    hint.hidden = true;
    box.before(hint);
    watch.observe(box);
    watch.observe(box.querySelector("table"));
  }
})();
