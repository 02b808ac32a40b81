// The rule editor: draws rows over textarea[data-rule], which stays what is sent.
//
// The form names the catalog of fields, events, segments and messages (data-catalog) and the address that reads a
// rule (data-rule-url). What the rows cannot express is kept as it is and changed as text.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

const OPERATORS = {
  text: [
    ["is", "is"], ["is_not", "is not"], ["in", "is one of"], ["not_in", "is none of"],
    ["contains", "contains"], ["not_contains", "does not contain"],
    ["starts_with", "starts with"], ["ends_with", "ends with"],
    ["empty", "is empty"], ["!empty", "is not empty"],
  ],
  choice: [
    ["is", "is"], ["is_not", "is not"], ["in", "is one of"], ["not_in", "is none of"],
    ["empty", "is empty"], ["!empty", "is not empty"],
  ],
  number: [
    ["is", "is"], ["at_least", "is at least"], ["at_most", "is at most"],
    ["more_than", "is more than"], ["less_than", "is less than"], ["between", "is between"],
    ["empty", "is empty"], ["!empty", "is not empty"],
  ],
  date: [
    ["in_last", "is in the last"], ["in_next", "is in the next"], ["on", "is on"],
    ["before", "is before"], ["after", "is on or after"], ["between", "is between"],
    ["anniversary_in", "has its anniversary within"], ["day", "is on day of the month"],
    ["month", "is in month"], ["weekday", "is on a"], ["empty", "is empty"],
    ["!empty", "is not empty"],
  ],
  check: [
    ["checked", "is checked"], ["!checked", "is not checked"], ["empty", "was never set"],
    ["!empty", "was set"],
  ],
};
const FAMILY = {
  Text: "text", CommentArea: "text", ContentBlock: "text", RadioButton: "choice",
  Numeric: "number", Date: "date", CheckBox: "check",
};
const SEVERAL = new Set(["in", "not_in"]);
const SPANS = new Set(["in_last", "in_next", "anniversary_in"]);
const COMPARISONS = OPERATORS.number.slice(0, 5);
const METRICS = [
  ["", "at least once"], ["count", "number of orders"], ["total", "total of orders"],
  ["average", "average order"], ["largest", "largest order"], ["smallest", "smallest order"],
];
const ITEMS = [["", "of anything"], ["sku", "of SKU"], ["category", "of category"], ["brand", "of brand"]];
const WEEKDAYS = [
  ["mon", "Monday"], ["tue", "Tuesday"], ["wed", "Wednesday"], ["thu", "Thursday"],
  ["fri", "Friday"], ["sat", "Saturday"], ["sun", "Sunday"],
];
const KINDS = [
  ["field", "Profile field"], ["purchase", "Purchase"], ["event", "External event"],
  ["segment", "Segment"], ["message", "Message"], ["sms", "Text message"],
  ["subscription", "Subscription"], ["contact", "Contact"], ["entry", "How it began"],
];
const DID = {
  sent: "been sent", opened: "opened", read: "read", clicked: "clicked in", bounced: "bounced on",
  failed: "failed to get", replied: "replied to", converted: "converted after",
};
// Of each channel: the setting that names a message, the catalog's names, what stands for any.
const TRACES = {
  message: { setting: "saved_message", names: "messages", any: "any message" },
  sms: { setting: "sms_message", names: "texts", any: "any text message" },
};
const GROUPS = [
  ["all", "All of these hold"], ["any", "Any of these holds"], ["none", "None of these holds"],
  ["notall", "Not all of these hold"],
];

// ---- Between a rule and its model. A node is a group {group, rows}, a leaf {kind, not, ...} or
// {raw: rule}, which no row can express.
const keysOf = (object) => Object.keys(object ?? {});

function toNode(rule) {
  if (!rule || typeof rule !== "object") return { raw: rule };
  for (const group of ["all", "any"]) {
    if (Array.isArray(rule[group])) return { group, rows: rule[group].map(toNode) };
  }
  if ("not" in rule) {
    const inner = toNode(rule.not);
    if (inner.group && !["none", "notall"].includes(inner.group)) {
      return { ...inner, group: inner.group === "any" ? "none" : "notall" };
    }
    if (inner.group || inner.raw !== undefined || inner.not) return { raw: rule };
    return { ...inner, not: true };
  }
  for (const [kind, read] of Object.entries(READ)) {
    if (kind in rule) return read(rule) ?? { raw: rule };
  }
  return { raw: rule };
}
function toRule(node) {
  if (node.raw !== undefined) return node.raw;
  if (node.group) {
    const rules = node.rows.map(toRule);
    if (node.group === "none") return { not: { any: rules } };
    if (node.group === "notall") return { not: { all: rules } };
    return { [node.group]: rules };
  }
  const rule = WRITE[node.kind](node);
  return node.not ? { not: rule } : rule;
}
// The whole: one row alone needs no group around it.
function rootOf(rule) {
  if (!rule || !keysOf(rule).length) return { group: "all", rows: [] };
  const node = toNode(rule);
  return node.group ? node : { group: "all", rows: [node] };
}
function ruleOf(root) {
  if (!root.rows.length) return null;
  if (root.rows.length === 1 && ["all", "any"].includes(root.group)) return toRule(root.rows[0]);
  return toRule(root);
}

function readOperator(object) {
  const operators = keysOf(object);
  if (operators.length !== 1) return null;
  const [name] = operators;
  const value = object[name];
  if (name === "empty" || name === "checked") return { op: value ? name : `!${name}`, value: "" };
  if (SPANS.has(name) && value !== null && !readSpan(value)) return null;
  return { op: name, value };
}
function writeOperator({ op, value }) {
  if (op.startsWith("!")) return { [op.slice(1)]: false };
  if (op === "empty" || op === "checked") return { [op]: true };
  return { [op]: value === "" || value === undefined ? null : value };
}
function without(object, ...names) {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !names.includes(key)));
}
function only(object, ...names) {
  return keysOf(object).every((key) => names.includes(key));
}
function readSpan(written) {
  const match = /^P(?:(\d+)D|(\d+)M|T(\d+)H)$/.exec(written ?? "");
  if (!match) return null;
  const [, days, months, hours] = match;
  if (days) return { amount: days, unit: "D" };
  return months ? { amount: months, unit: "M" } : { amount: hours, unit: "H" };
}
const writeSpan = ({ amount, unit }) => (amount ? `P${unit === "H" ? "T" : ""}${amount}${unit}` : null);
const windowFits = (config) => !("since" in config) && (!("within" in config) || readSpan(config.within));

const READ = {
  field(rule) {
    const found = readOperator(without(rule, "field"));
    return found && { kind: "field", name: rule.field, ...found };
  },
  contact(rule) {
    const found = readOperator(without(rule, "contact"));
    return found && { kind: "contact", name: rule.contact, ...found };
  },
  subscription({ subscription: config }) {
    const fits = only(config, "state", "within") && typeof config.state === "string";
    if (!fits || !windowFits(config)) return null;
    return { kind: "subscription", state: config.state, span: readSpan(config.within) };
  },
  purchase({ purchase: config }) {
    const metrics = keysOf(config).filter((key) => METRICS.some(([name]) => name === key));
    const items = keysOf(config).filter((key) => ITEMS.some(([name]) => name === key));
    const known = [...metrics, ...items, "within"];
    if (!only(config, ...known) || metrics.length > 1 || items.length > 1) return null;
    const [metric = ""] = metrics;
    const [item = ""] = items;
    const operator = metric ? readOperator(config[metric]) : { op: "at_least", value: "" };
    if (!operator || !windowFits(config) || operator.op === "between") return null;
    if (item && typeof config[item] !== "string") return null;
    return {
      kind: "purchase", span: readSpan(config.within), metric, ...operator, item,
      itemValue: item ? config[item] : "",
    };
  },
  event({ event: config }) {
    if (!only(config, "name", "within", "count") || !windowFits(config)) return null;
    const operator = config.count ? readOperator(config.count) : { op: "at_least", value: "" };
    if (!operator || operator.op === "between") return null;
    return {
      kind: "event", name: config.name, span: readSpan(config.within),
      metric: config.count ? "count" : "", ...operator,
    };
  },
  segment(rule) {
    return only(rule, "segment") && typeof rule.segment === "string"
      ? { kind: "segment", name: rule.segment } : null;
  },
  message: ({ message: config }) => readTrace("message", config),
  sms: ({ sms: config }) => readTrace("sms", config),
  entry({ entry: config }) {
    const [part, ...more] = keysOf(config);
    if (more.length || !["event", "thread", "method"].includes(part)) return null;
    if (typeof config[part] !== "string") return null;
    return { kind: "entry", part, value: config[part] };
  },
};
function readTrace(kind, config) {
  const { setting } = TRACES[kind];
  if (!only(config, "did", "conversation", setting, "within", "count") || !windowFits(config)) return null;
  const operator = config.count ? readOperator(config.count) : { op: "at_least", value: "" };
  if (!operator || operator.op === "between") return null;
  return {
    kind, did: config.did, conversation: config.conversation ?? "", name: config[setting] ?? "",
    span: readSpan(config.within), metric: config.count ? "count" : "", ...operator,
  };
}
function writeTrace(row) {
  const trace = { did: row.did };
  if (row.conversation) trace.conversation = row.conversation;
  if (row.name) trace[TRACES[row.kind].setting] = row.name;
  if (row.span?.amount) trace.within = writeSpan(row.span);
  if (row.metric) trace.count = writeOperator(row);
  return { [row.kind]: trace };
}
const WRITE = {
  segment: (row) => ({ segment: row.name }),
  message: writeTrace,
  sms: writeTrace,
  field: (row) => ({ field: row.name, ...writeOperator(row) }),
  contact: (row) => ({ contact: row.name, ...writeOperator(row) }),
  subscription: (row) => ({
    subscription: { state: row.state, ...(row.span?.amount ? { within: writeSpan(row.span) } : {}) },
  }),
  purchase(row) {
    const purchase = {};
    if (row.span?.amount) purchase.within = writeSpan(row.span);
    if (row.metric) purchase[row.metric] = writeOperator(row);
    if (row.item) purchase[row.item] = row.itemValue;
    return { purchase };
  },
  event(row) {
    const event = { name: row.name };
    if (row.span?.amount) event.within = writeSpan(row.span);
    if (row.metric) event.count = writeOperator(row);
    return { event };
  },
  entry: (row) => ({ entry: { [row.part]: row.value } }),
};

function fresh(kind, catalog) {
  const days = { amount: "60", unit: "D" };
  const counted = { metric: "", op: "at_least", value: "" };
  if (kind === "field") {
    const [field = { name: "", type: "Text" }] = catalog.fields;
    return { kind, name: field.name, op: OPERATORS[FAMILY[field.type]][0][0], value: "" };
  }
  return {
    contact: { kind, name: "email", op: "is", value: "" },
    subscription: { kind, state: "Subscribed", span: null },
    purchase: { kind, span: days, ...counted, item: "", itemValue: "" },
    event: { kind, name: catalog.events[0] ?? "", span: { amount: "", unit: "D" }, ...counted },
    segment: { kind, name: catalog.segments[0] ?? "" },
    message: { kind, did: "opened", conversation: "", name: "", span: days, ...counted },
    sms: { kind, did: "clicked", conversation: "", name: "", span: days, ...counted },
    entry: { kind, part: "event", value: catalog.events[0] ?? "" },
  }[kind];
}

// ---- Drawing.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter(Boolean));
  return element;
}
function choose(label, options, value, change) {
  const known = options.some(([key]) => key === value);
  const shown = known || !value ? options : [...options, [value, `${value} (not on this list)`]];
  return make(
    "select",
    { class: "input", "aria-label": label, onchange: (event) => change(event.target.value) },
    ...shown.map(([key, text]) => make("option", { value: key, text, selected: key === value })),
  );
}
function write(label, type, value, change, more = {}) {
  return make("input", {
    class: "input", type, "aria-label": label, value: value ?? "", ...more,
    oninput: (event) => change(event.target.value),
  });
}

class Editor {
  constructor(textarea) {
    this.textarea = textarea;
    this.form = textarea.form;
    this.catalog = JSON.parse(this.form.dataset.catalog);
    this.root = { group: "all", rows: [] };
    this.places = new Map(); // of each row its <li>
    this.rows = make("div", { class: "rule-rows" });
    this.said = make("p", { class: "rule-said", "aria-live": "polite" });
    const id = textarea.id;
    this.tabs = ["Rules", "As text"].map((text, index) =>
      make("button", {
        type: "button", class: "tab", role: "tab", text, id: `${id}-tab-${index}`,
        "aria-controls": `${id}-pane-${index}`, onclick: () => this.show(index),
      }),
    );
    const tablist = make("div", { class: "tabs rule-tabs", role: "tablist", "aria-label": "Rule" }, ...this.tabs);
    this.panes = [this.rows, make("div")].map((inner, index) =>
      make("div", { role: "tabpanel", id: `${id}-pane-${index}`, "aria-labelledby": `${id}-tab-${index}` }, inner),
    );
    textarea.before(make("div", { class: "rule" }, tablist, ...this.panes, this.said));
    this.panes[1].append(textarea);
    textarea.setAttribute("aria-label", "The rule as text");
    textarea.addEventListener("input", () => this.pane === 1 && this.askSoon());
    this.start();
  }

  async start() {
    this.mark(0);
    await this.ask();
    if (this.answer?.rule) this.load(this.answer.rule);
    else this.mark(1);
  }

  load(rule) {
    this.root = rootOf(rule);
    this.draw();
  }

  async show(index) {
    if (index === this.pane) return;
    await this.ask();
    if (index === 0) {
      if (!this.answer?.rule) return;
      this.load(this.answer.rule);
    } else if (this.answer?.text !== undefined) {
      this.textarea.value = this.answer.text;
    }
    this.mark(index);
  }

  mark(index) {
    this.pane = index;
    this.tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === index));
      tab.tabIndex = place === index ? 0 : -1;
      this.panes[place].hidden = place !== index;
    });
  }

  // Written after every change; the rows stay as they are, so that the focus stays, too.
  changed({ redraw = false } = {}) {
    const rule = ruleOf(this.root);
    this.textarea.value = rule === null ? "" : JSON.stringify(rule);
    this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
    if (redraw) this.draw();
    this.askSoon();
  }

  askSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), 400);
  }

  async ask() {
    clearTimeout(this.timer);
    const asked = this.textarea.value;
    const body = new FormData();
    body.set("rule", asked);
    body.set("csrfmiddlewaretoken", this.form.elements.csrfmiddlewaretoken.value);
    try {
      const response = await fetch(this.form.dataset.ruleUrl, { method: "POST", body });
      this.answer = response.ok ? await response.json() : null;
    } catch {
      this.answer = null;
    }
    // What was typed meanwhile is not lost to an answer about what stood there before.
    if (this.textarea.value !== asked) return this.ask();
    return this.say();
  }

  say() {
    const [problem] = this.answer?.problems ?? [];
    const sentence = this.answer?.sentence;
    this.said.classList.toggle("is-wrong", Boolean(problem));
    this.said.textContent = problem
      ? [problem.path, problem.text].filter(Boolean).join(": ")
      : sentence && `In words: ${sentence}.`;
  }

  // Drawn anew, with the focus on the control that had it.
  draw() {
    const active = this.rows.contains(document.activeElement) ? document.activeElement : null;
    const item = active?.closest("li");
    const [node] = [...this.places].find(([, place]) => place === item) ?? [];
    this.places = new Map();
    this.rows.replaceChildren(this.group(this.root, null));
    const controls = $$("[aria-label]", this.places.get(node) ?? make("i"));
    controls.find((one) => one.ariaLabel === active.ariaLabel)?.focus();
  }

  // To a group's row, where it has one, else to what adds the first.
  focusRow(node, place) {
    const row = this.places.get(node.rows[place]);
    const group = this.places.get(node) ?? this.rows;
    (row ? $("select, input, button", row) : $(".rule-foot select", group))?.focus();
  }

  group(node, parent) {
    const rows = node.rows.map((row) => {
      const item = make("li", {}, row.group ? this.group(row, node) : this.row(row, node));
      this.places.set(row, item);
      return item;
    });
    const head = choose("How the conditions combine", GROUPS, node.group, (value) => {
      node.group = value;
      this.changed();
    });
    return make(
      "fieldset",
      { class: "rule-group" },
      make("legend", { class: "visually-hidden", text: "Conditions" }),
      make("div", { class: "rule-head" }, head, parent && this.remover(node, parent, "Remove this group")),
      make("ul", { class: "rule-list" }, ...rows),
      make("div", { class: "rule-foot" }, this.adder(node), this.grouper(node)),
    );
  }

  adder(node) {
    // Outside of a conversation nobody has entered one.
    const kinds = KINDS.filter(([kind]) => kind !== "entry" || this.catalog.threads);
    const options = [["", "Add a condition"], ...kinds];
    const adder = choose("Add a condition", options, "", (kind) => {
      if (!kind) return;
      node.rows.push(fresh(kind, this.catalog));
      this.changed({ redraw: true });
      this.focusRow(node, node.rows.length - 1);
    });
    // An arrow key would take the first kind at once: it opens the choices instead.
    adder.addEventListener("keydown", (event) => {
      if (!["ArrowDown", "ArrowUp"].includes(event.key) || !adder.showPicker) return;
      event.preventDefault();
      adder.showPicker();
    });
    return adder;
  }

  grouper(node) {
    return make("button", {
      type: "button", class: "btn btn-small", text: "Add a group",
      onclick: () => {
        node.rows.push({ group: "any", rows: [] });
        this.changed({ redraw: true });
        this.focusRow(node, node.rows.length - 1);
      },
    });
  }

  remover(node, parent, label) {
    return make("button", {
      type: "button", class: "btn btn-quiet btn-small btn-icon", "aria-label": label, text: "×",
      onclick: () => {
        const place = parent.rows.indexOf(node);
        parent.rows.splice(place, 1);
        this.changed({ redraw: true });
        this.focusRow(parent, Math.min(place, parent.rows.length - 1));
      },
    });
  }

  row(node, parent) {
    const remove = this.remover(node, parent, "Remove this condition");
    if (node.raw !== undefined) {
      const text = make("code", { class: "rule-raw", text: JSON.stringify(node.raw) });
      return make("div", { class: "rule-row" }, text, remove);
    }
    return make("div", { class: `rule-row rule-${node.kind}` }, ...this[node.kind](node), remove);
  }

  set(node, name, { redraw = false } = {}) {
    return (value) => {
      node[name] = value;
      this.changed({ redraw });
    };
  }

  negation(node, plain, negated) {
    return choose("Whether", [["", plain], ["not", negated]], node.not ? "not" : "", (value) => {
      node.not = Boolean(value);
      this.changed();
    });
  }

  field(node) {
    const options = this.catalog.fields.map(({ name }) => [name, name]);
    const field = this.catalog.fields.find(({ name }) => name === node.name);
    return this.valued(node, "Profile field", options, FAMILY[field?.type] ?? "text");
  }

  contact(node) {
    const options = this.catalog.contact.map(({ name }) => [name, name.replaceAll("_", " ")]);
    const attribute = this.catalog.contact.find(({ name }) => name === node.name);
    return this.valued(node, "Contact", options, FAMILY[attribute?.type] ?? "text");
  }

  valued(node, label, options, family) {
    const operators = OPERATORS[family];
    if (!operators.some(([op]) => op === node.op)) {
      node.op = operators[0][0];
      node.value = "";
    }
    const name = choose(label, options, node.name, (value) => {
      node.name = value;
      this.changed({ redraw: true });
    });
    const operator = choose("Comparison", operators, node.op, (value) => {
      node.op = value;
      node.value = "";
      this.changed({ redraw: true });
    });
    const negated = node.not && this.negation(node, "and so", "but not so");
    return [name, operator, ...this.value(node, family), negated];
  }

  value(node, family) {
    const { op } = node;
    const change = this.set(node, "value");
    if (op.endsWith("empty") || op.endsWith("checked")) return [];
    if (SPANS.has(op)) return this.spanOf(node);
    if (op === "weekday") {
      node.value ||= "mon";
      return [choose("Day of the week", WEEKDAYS, node.value, change)];
    }
    const type = family === "date" && !["day", "month"].includes(op) ? "date" : "text";
    const numeric = family === "number" || ["day", "month"].includes(op);
    const read = (text) => (numeric && text !== "" ? Number(text) : text);
    const kind = numeric ? "number" : type;
    const more = numeric ? { step: "any" } : {};
    if (op === "between") {
      if (!Array.isArray(node.value)) node.value = ["", ""];
      return [0, 1].map((end) =>
        write(end ? "and" : "from", kind, node.value[end], (text) => {
          node.value[end] = read(text);
          this.changed();
        }, more),
      );
    }
    if (SEVERAL.has(op)) {
      const shown = Array.isArray(node.value) ? node.value.join(", ") : "";
      const split = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
      return [write("Values, separated by commas", "text", shown, (text) => change(split(text)))];
    }
    return [write("Value", kind, node.value, (text) => change(read(text)), more)];
  }

  // A span that is an operator's own value: in the last 7 days.
  spanOf(node) {
    const span = readSpan(node.value) ?? { amount: "", unit: "D" };
    const keep = () => {
      node.value = writeSpan(span);
      this.changed();
    };
    return this.spanInputs(span, [["D", "days"], ["M", "months"]], keep);
  }

  // A window of facts: in the last 60 days; an empty number is ever.
  window(node) {
    node.span ??= { amount: "", unit: "D" };
    const words = make("span", { class: "rule-word", text: "in the last" });
    const units = [["D", "days"], ["H", "hours"], ["M", "months"]];
    return [words, ...this.spanInputs(node.span, units, () => this.changed(), "ever")];
  }

  spanInputs(span, units, keep, placeholder = "") {
    return [
      write("How many", "number", span.amount, (text) => {
        span.amount = text.replace(/\D/g, "");
        keep();
      }, { min: 1, placeholder, class: "input rule-amount" }),
      choose("Unit", units, span.unit, (value) => {
        span.unit = value;
        keep();
      }),
    ];
  }

  metric(node, metrics) {
    const shown = [choose("What is asked", metrics, node.metric, this.set(node, "metric", { redraw: true }))];
    if (!node.metric) return shown;
    return [
      ...shown,
      choose("Comparison", COMPARISONS, node.op, this.set(node, "op")),
      write("Number", "number", node.value, (text) => {
        node.value = text === "" ? "" : Number(text);
        this.changed();
      }, { step: "any", class: "input rule-amount" }),
    ];
  }

  purchase(node) {
    const item = [choose("Items", ITEMS, node.item, this.set(node, "item", { redraw: true }))];
    if (node.item) item.push(write("Item", "text", node.itemValue, this.set(node, "itemValue")));
    return [
      this.negation(node, "has ordered", "has not ordered"),
      ...this.window(node), ...this.metric(node, METRICS), ...item,
    ];
  }

  event(node) {
    const options = this.catalog.events.map((name) => [name, name]);
    return [
      this.negation(node, "had", "did not have"),
      choose("External event", options, node.name, this.set(node, "name")),
      ...this.window(node),
      ...this.metric(node, [["", "at least once"], ["count", "number of times"]]),
    ];
  }

  segment(node) {
    const options = this.catalog.segments.map((name) => [name, name]);
    return [
      this.negation(node, "is in", "is not in"),
      choose("Segment", options, node.name, this.set(node, "name")),
    ];
  }

  message(node) {
    return this.trace(node);
  }

  sms(node) {
    return this.trace(node);
  }

  trace(node) {
    const { names, any } = TRACES[node.kind];
    const did = this.catalog.did[node.kind].map((name) => [name, DID[name] ?? name]);
    const options = this.catalog[names].map((name) => [name, name]);
    const conversations = this.catalog.conversations.map((name) => [name, `of ${name}`]);
    return [
      this.negation(node, "has", "has not"),
      choose("What was done", did, node.did, this.set(node, "did")),
      choose("Which message", [["", any], ...options], node.name, this.set(node, "name")),
      choose(
        "Of which conversation", [["", "of any conversation"], ...conversations],
        node.conversation, this.set(node, "conversation"),
      ),
      ...this.window(node),
      ...this.metric(node, [["", "at least once"], ["count", "number of times"]]),
    ];
  }

  subscription(node) {
    const states = ["Subscribed", "Unsubscribed", "Pending"].map((state) => [state, state]);
    return [
      this.negation(node, "is", "is not"),
      choose("State", states, node.state, this.set(node, "state")),
      ...this.window(node),
    ];
  }

  entry(node) {
    const parts = [["event", "by event"], ["thread", "through thread"], ["method", "by method"]];
    const names = { event: this.catalog.events, thread: this.catalog.threads }[node.part];
    const change = this.set(node, "value");
    const value = names
      ? choose("Which", names.map((name) => [name, name]), node.value, change)
      : write("Which", "text", node.value, change);
    const part = choose("How", parts, node.part, (chosen) => {
      node.part = chosen;
      node.value = { event: this.catalog.events, thread: this.catalog.threads }[chosen]?.[0] ?? "";
      this.changed({ redraw: true });
    });
    return [this.negation(node, "entered", "did not enter"), part, value];
  }
}

function start() {
  for (const textarea of $$("form[data-catalog] textarea[data-rule]:not([data-drawn])")) {
    if (textarea.closest("fieldset[disabled]")) continue;
    textarea.dataset.drawn = "";
    new Editor(textarea);
  }
}
// After ui.js has put back what was typed before.
if (document.readyState === "complete") start();
else addEventListener("load", start);
document.addEventListener("htmx:afterSettle", start);
