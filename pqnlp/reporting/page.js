"use strict";
// Opens the packed answers and lists those that the reader asks for. Everything that comes out of them is put into the page
// as text, never as markup.
(() => {
  const PAGE = 25;
  const MISSING = 0xffff;
  const COLUMNS = ["label", "reason", "department", "month", "house", "government", "ask"];
  const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  const $ = (id) => document.getElementById(id);

  async function unpack(id) {
    const raw = atob($(id).textContent.trim());
    const bytes = new Uint8Array(raw.length);
    for (let k = 0; k < raw.length; k++) bytes[k] = raw.charCodeAt(k);
    $(id).textContent = "";
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const whole = new Uint8Array(await new Response(stream).arrayBuffer());
    const size = new DataView(whole.buffer).getUint32(0, true);
    return [JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + size))), whole.subarray(4 + size)];
  }

  // Marks that turn the direction of writing can make a text read as what it is not, so they are spelled out.
  const visible = (text) =>
    text.replace(TURNING, (c) => "[U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "]");
  const named = (text) => visible(text.replaceAll("_", " "));

  function make(tag, options = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  let table, texts, shown = [], page = 0, only = null;

  async function start() {
    if (typeof DecompressionStream !== "function") {
      $("status").textContent = "This browser is too old to open the answers: use one of 2023 or later.";
      return;
    }
    let head, bytes;
    [[head, bytes], texts] = await Promise.all([unpack("packed-table"), unpack("packed-texts").then(spell)]);
    const n = head.n;
    table = { n, labels: head.labels, names: head.columns, at: {}, sets: head.sets };
    let offset = 0;
    const next = () => bytes.subarray(offset, (offset += n));
    for (const name of Object.keys(head.columns)) {
      const low = next(), high = next(), codes = new Uint16Array(n);
      for (let k = 0; k < n; k++) codes[k] = low[k] | (high[k] << 8);
      table.at[name] = codes;
    }
    table.p = head.probable ? head.labels.slice(0, -1).map(next) : null;
    table.unsure = next();
    for (const name of ["id", "uin", "heading"]) table[name] = head[name].split("\n");
    for (const name of COLUMNS) fill(name);
    $("filters").hidden = $("list").hidden = false;
    listen();
    update();
    follow();
    document.documentElement.dataset.ready = "yes";
  }

  // Turns codes of words into texts.
  function spell([head, codes]) {
    const parts = [];
    const whole = [];
    for (let k = 0; k < codes.length; k++) {
      let code = codes[k];
      if (code >= head.one) code = head.one + ((code - head.one) << 8) + codes[++k];
      parts.push(head.words[code]);
      if (parts.length === 65536) whole.push(parts.splice(0).join(""));
    }
    whole.push(parts.join(""));
    const all = whole.join("").split("\0");
    const place = new Map();
    head.rows.forEach((row, k) => place.set(row, k));
    return { ...head, place, all };
  }

  function fill(name) {
    const counts = new Map();
    for (const code of table.at[name]) if (code !== MISSING) counts.set(code, (counts.get(code) || 0) + 1);
    $("field-" + name).hidden = counts.size < 2;
    for (const [k, value] of table.names[name].entries()) {
      const option = make("option", { value: String(k) });
      option.textContent = `${name === "department" ? visible(value) : named(value)} (${counts.get(k).toLocaleString("en-GB")})`;
      $("f-" + name).append(option);
    }
    if (counts.size && [...table.at[name]].includes(MISSING)) $("f-" + name).append(make("option", { value: String(MISSING) }, "not known"));
  }

  const value = (name, row) => (table.at[name][row] === MISSING ? "" : table.names[name][table.at[name][row]]);
  // Labels of the project's own scheme have a colour each.
  const coloured = (label) => (["direct", "evasive", "policy_restating"].includes(label) ? label : "other");
  function shares(row) {
    const first = table.p.map((column) => column[row]);
    return [...first, Math.max(0, 100 - first.reduce((a, b) => a + b, 0))];
  }
  const surest = (row) => (table.p ? Math.max(...shares(row)) : 0);

  function text(row) {
    const k = texts.place.get(row);
    if (k === undefined) return null;
    return { question: texts.all[2 * k], answer: texts.all[2 * k + 1], marks: texts.marks[k] };
  }

  function update() {
    const words = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = COLUMNS.filter((name) => $("f-" + name).value !== "").map((name) => [table.at[name], Number($("f-" + name).value)]);
    const sure = $("sure").checked, withText = $("texts").checked;
    const from = only ? only.rows : Array.from({ length: table.n }, (_, k) => k);
    shown = from.filter((row) => {
      for (const [codes, code] of wanted) if (codes[row] !== code) return false;
      if (sure && table.unsure[row]) return false;
      if (withText && !texts.place.has(row)) return false;
      if (!words.length) return true;
      const known = text(row);
      const where = [table.heading[row], table.uin[row], table.id[row], known ? known.question + " " + known.answer : ""].join(" ").toLowerCase();
      return words.every((word) => where.includes(word));
    });
    const order = $("order").value;
    const undated = (row) => table.at.answered[row] === MISSING;
    const key = { new: (row) => (undated(row) ? 1 : -table.at.answered[row]), old: (row) => table.at.answered[row], sure: (row) => -surest(row), doubtful: surest }[order] || ((row) => (texts.place.has(row) ? 0 : 1));
    const keys = new Map(shown.map((row) => [row, key(row)]));
    shown.sort((a, b) => keys.get(a) - keys.get(b) || a - b);
    page = 0;
    draw();
  }

  function draw() {
    const count = shown.length, last = Math.max(0, Math.ceil(count / PAGE) - 1);
    page = Math.min(page, last);
    $("status").textContent = count === 0 ? "No answer passes these filters." : `${count.toLocaleString("en-GB")} of ${table.n.toLocaleString("en-GB")} answers.`;
    $("shown").replaceChildren();
    if (only) {
      const all = make("button", { type: "button" }, "Show all again");
      all.addEventListener("click", () => { only = null; update(); $("q").focus(); });
      $("shown").append("Only: ", make("b", {}, only.title), " ", all);
    }
    document.querySelector("#list tbody").replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(line));
    $("pages").hidden = count <= PAGE;
    $("page").textContent = `Page ${(page + 1).toLocaleString("en-GB")} of ${(last + 1).toLocaleString("en-GB")}`;
    $("previous").disabled = page === 0;
    $("next").disabled = page === last;
  }

  function title(row) {
    const number = table.uin[row] ? `${table.uin[row]} ` : "";
    if (table.heading[row]) return number + visible(table.heading[row]);
    const known = text(row);
    if (!known) return number ? `Question ${number}` : `Question, id ${visible(table.id[row])}`;
    const asked = known.question.slice(known.marks[3]).replace(/\s+/g, " ");
    return number + visible(asked.length > 110 ? asked.slice(0, 110).replace(/\s\S*$/, "") + " …" : asked);
  }

  function line(row) {
    const button = make("button", { type: "button", class: "open", "aria-expanded": "false", "data-row": row }, title(row));
    button.addEventListener("click", () => toggle(button));
    const label = value("label", row);
    const cell = (name, ...what) => make("td", { role: "cell", "data-name": name }, ...what);
    return make("tr", { role: "row" },
      cell("Question", button),
      cell("Department", visible(value("department", row)) || "not known"),
      cell("Answered", visible(value("answered", row)) || "not known"),
      cell("Label", make("span", { class: "dot " + coloured(label) }), named(label)),
      cell("Reason", named(value("reason", row))),
      cell("Probability", table.p ? surest(row) + " %" : "not known", ...(table.unsure[row] ? [" ", make("span", { class: "unsure" }, "unsure")] : [])));
  }

  function toggle(button) {
    const line = button.closest("tr");
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) {
      button.removeAttribute("aria-controls");
      line.nextElementSibling.remove();
      return;
    }
    const row = Number(button.dataset.row);
    const cell = make("td", { role: "cell", colspan: "6" }, ...opened(row));
    line.after(make("tr", { role: "row", class: "opened", id: "opened-" + row }, cell));
    button.setAttribute("aria-controls", "opened-" + row);
  }

  function opened(row) {
    const out = [];
    const known = text(row);
    const address = official(row);
    if (known) {
      const [asks, evidence, mentions] = known.marks;
      const where = [[], []];
      for (let k = 0; k < asks.length; k += 3) where[0].push([asks[k], asks[k] + asks[k + 1], "ask", named(texts.kinds[asks[k + 2]])]);
      for (let k = 0; k < evidence.length; k += 2) where[1].push([evidence[k], evidence[k] + evidence[k + 1], "evidence", "deciding sentence"]);
      const links = new Map();
      for (let k = 0; k < mentions.length; k += 4) {
        const [type, id, url, from, to] = texts.names[mentions[k + 3]];
        const start = mentions[k + 1], end = start + mentions[k + 2];
        where[mentions[k]].push([start, end, "entity", type.toLowerCase()]);
        const said = (mentions[k] ? known.answer : known.question).slice(start, end);
        const span = from && from === to ? `, ${from}` : from || to ? `, ${from || "…"} to ${to || "…"}` : "";
        links.set(mentions[k + 3], [said, type, url, span]);
      }
      out.push(make("h3", {}, "Question"), marked(known.question, where[0]), make("h3", {}, "Answer"), marked(known.answer, where[1]));
      out.push(make("p", { class: "key" }, "Marked: ", make("span", { class: "ask" }, "asks"), " ", make("span", { class: "evidence" }, "deciding sentences"), " ", make("span", { class: "entity" }, "names and dates")));
      if (links.size) {
        out.push(make("h3", {}, "Named"));
        const list = make("ul", {});
        for (const [said, type, url, span] of links.values()) {
          const shownText = visible(said);
          list.append(make("li", {}, /^https?:\/\//.test(url) ? make("a", { href: url, rel: "noopener noreferrer" }, shownText) : shownText, ` (${type === "ORG" ? "organisation" : type.toLowerCase()}${visible(span)})`));
        }
        out.push(list);
      }
    } else {
      out.push(make("p", {}, "The text of this answer is not in the page."));
    }
    const list = make("ul", { class: "shares", "aria-label": "Probability of each label" });
    (table.p ? shares(row) : []).forEach((percent, k) => {
      const bar = make("span", { class: "bar " + coloured(table.labels[k]), "aria-hidden": "true" });
      bar.style.width = percent + "%";
      list.append(make("li", {}, make("span", {}, named(table.labels[k])), make("span", {}, percent + " %"), make("span", {}, bar)));
    });
    if (table.p) out.push(make("h3", {}, "Probabilities"), list);
    const end = make("p", {});
    if (address) end.append(make("a", { href: address, rel: "noopener noreferrer" }, (table.uin[row] ? "Question " + table.uin[row] : "Record " + table.id[row]) + " on the official site"), " · ");
    end.append(make("a", { href: "#id-" + encodeURIComponent(table.id[row]) }, "link to this answer"), ` · id ${visible(table.id[row])}`);
    out.push(end);
    return out;
  }

  function official(row) {
    const day = value("tabled", row), uin = table.uin[row], id = table.id[row];
    if (/^(HL)?\d{1,7}$/.test(uin) && /^\d{4}-\d{2}-\d{2}$/.test(day)) return `https://questions-statements.parliament.uk/written-questions/detail/${day}/${uin}`;
    if (/^\d{6,8}$/.test(id)) return `https://questions-statements-api.parliament.uk/api/writtenquestions/questions/${id}`;
    return "";
  }

  function marked(whole, spans) {
    const out = make("p", { class: "text", dir: "auto" });
    const cuts = [...new Set([0, whole.length, ...spans.flatMap(([start, end]) => [start, end])])].filter((at) => at <= whole.length).sort((a, b) => a - b);
    const told = new Set();
    for (let k = 0; k + 1 < cuts.length; k++) {
      const piece = visible(whole.slice(cuts[k], cuts[k + 1]));
      const over = spans.filter(([start, end]) => start <= cuts[k] && cuts[k + 1] <= end);
      if (!over.length) {
        out.append(piece);
        continue;
      }
      const node = make("span", { class: [...new Set(over.map((span) => span[2]))].join(" "), title: [...new Set(over.map((span) => span[3]))].join(", ") });
      for (const span of over) {
        if (told.has(span) || span[2] === "entity") continue;
        told.add(span);
        node.append(make("span", { class: "say" }, span[2] === "ask" ? `[ask, ${span[3]}:] ` : "[deciding sentence:] "));
      }
      node.append(piece);
      out.append(node);
    }
    return out;
  }

  // Not form.reset(), whose event is the reader's wish to see all again.
  function clear() {
    only = null;
    for (const field of $("filters").elements) {
      if (field.type === "checkbox") field.checked = false;
      else if (field.type !== "reset") field.value = "";
    }
  }

  function choose(name, wanted) {
    clear();
    const k = table.names[name].indexOf(wanted);
    if (k >= 0) $("f-" + name).value = String(k);
    update();
  }

  function show(set) {
    const rows = [];
    let at = 0;
    for (const step of set.rows) rows.push((at += step));
    clear();
    only = { title: set.title, rows };
    update();
    if (rows.length === 1) toggle(document.querySelector("#list button.open"));
  }

  // An address that ends in #id-… opens that answer.
  function follow() {
    if (!location.hash.startsWith("#id-")) return;
    let id = location.hash.slice(4);
    try { id = decodeURIComponent(id); } catch { /* as it stands */ }
    const row = table.id.indexOf(id);
    if (row < 0) return;
    show({ title: "one answer", rows: [row] });
    $("answers").scrollIntoView();
  }

  function listen() {
    let waiting;
    $("q").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 200); });
    $("filters").addEventListener("change", (event) => { if (event.target !== $("q")) update(); });
    $("filters").addEventListener("submit", (event) => { event.preventDefault(); update(); });
    $("filters").addEventListener("reset", () => { only = null; setTimeout(update, 0); });
    $("previous").addEventListener("click", () => { page--; draw(); $("list").scrollIntoView({ block: "nearest" }); });
    $("next").addEventListener("click", () => { page++; draw(); $("list").scrollIntoView({ block: "nearest" }); });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-filter], a[data-set]");
      if (!link) return;
      if (link.dataset.set) show(table.sets[link.dataset.set]);
      else choose(link.dataset.filter, link.dataset.value);
      $("answers").focus({ preventScroll: true });
    });
    addEventListener("hashchange", follow);
  }

  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; one.dataset.shut = "yes"; } });
  addEventListener("afterprint", () => { for (const one of document.querySelectorAll("details[data-shut]")) { one.open = false; delete one.dataset.shut; } });

  start().catch((error) => { $("status").textContent = "The answers cannot be opened: " + error.message; throw error; });
})();
