// Behaviour of the frame and of every page, by event delegation on data attributes, so
// that fragments swapped in by htmx need no set-up. The list of attributes is the list
// of functions below.

const root = document.documentElement;
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

const remember = (key, value) => {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // Storage is forbidden: the choice lasts for this page.
  }
};

const actions = {
  // data-theme-choice="light|dark|system"
  themeChoice(button) {
    const choice = button.dataset.themeChoice;
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    remember("theme", choice === "system" ? "" : choice);
    showTheme();
  },
  // data-fold-sidebar
  foldSidebar(button) {
    const folded = root.dataset.sidebar !== "folded";
    if (folded) root.dataset.sidebar = "folded";
    else delete root.dataset.sidebar;
    remember("sidebar", folded ? "folded" : "");
    button.setAttribute("aria-expanded", String(!folded));
  },
  // data-drawer: open or close the navigation on a small screen
  drawer() {
    setDrawer(root.dataset.drawer !== "open");
  },
  // data-open-dialog="id"
  openDialog(button) {
    const dialog = document.getElementById(button.dataset.openDialog);
    if (dialog && !dialog.open) {
      dialog.showModal();
      $("[autofocus]", dialog)?.focus();
    }
  },
  // data-close-dialog
  closeDialog(button) {
    button.closest("dialog")?.close();
  },
  // data-dismiss: remove the nearest toast or notice
  dismiss(button) {
    button.closest(".toast, .notice")?.remove();
  },
  // data-copy="text" or data-copy="#id"
  async copy(button) {
    const from = button.dataset.copy;
    const text = from.startsWith("#") ? $(from).textContent.trim() : from;
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.");
    } catch {
      toast("Copying is not allowed here: select the text and copy it by hand.", { level: "warning" });
    }
  },
  // data-check-all="name": tick every box of that name in the form
  checkAll(box) {
    for (const other of $$(`input[name="${box.dataset.checkAll}"]`, box.form ?? document)) {
      other.checked = box.checked;
    }
  },
  // data-insert="text" data-into="#id": put a personalization field where the cursor is
  insert(button) {
    const area = $(button.dataset.into);
    if (!area) return;
    area.focus();
    area.setRangeText(button.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  },
};
const attributes = Object.keys(actions).map((name) => [
  name,
  `[data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`,
]);

document.addEventListener("click", (event) => {
  for (const [name, selector] of attributes) {
    const element = event.target.closest?.(selector);
    if (element) actions[name](element, event);
  }
  closeMenus(event.target);
  if (event.target.matches?.("dialog")) event.target.close();
  if (event.target.closest?.(".sidebar a")) setDrawer(false);
  openRow(event);
});

// A row with data-href is a link for the mouse; its first link is one for the keyboard.
function openRow(event) {
  const row = event.target.closest?.("tr[data-href]");
  if (!row || event.target.closest("a, button, input, label, summary, select")) return;
  if (String(getSelection())) return;
  if (event.metaKey || event.ctrlKey) open(row.dataset.href);
  else location.href = row.dataset.href;
}

// ---- Menus: <details class="menu">
function closeMenus(target) {
  for (const menu of $$("details.menu[open]")) {
    const inside = menu.contains(target);
    if (!inside || target.closest?.(".menu-item")) menu.open = false;
  }
}
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (event.key === "Escape") {
    if (menu) {
      menu.open = false;
      $("summary", menu).focus();
    } else if (root.dataset.drawer === "open") {
      setDrawer(false);
      $("[data-drawer]")?.focus();
    }
  }
  if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    moveFocus($$(".menu-item", menu), event.key === "ArrowDown" ? 1 : -1);
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    const palette = document.getElementById("palette");
    if (palette) {
      event.preventDefault();
      palette.showModal();
      $("input", palette).select();
    }
  }
  if (event.target.closest?.("#palette")) movePalette(event);
});
function moveFocus(items, step) {
  if (!items.length) return;
  const now = items.indexOf(document.activeElement);
  const next = now < 0 ? (step > 0 ? 0 : items.length - 1) : now + step;
  items[(next + items.length) % items.length].focus();
}
function movePalette(event) {
  const results = $$("#palette .menu-item");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    moveFocus(results, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && event.target.matches("input") && results.length) {
    event.preventDefault();
    results[0].click();
  }
}
document.addEventListener(
  "toggle",
  (event) => {
    if (!event.target.matches?.("details.menu[open]")) return;
    for (const other of $$("details.menu[open]")) {
      if (other !== event.target && !other.contains(event.target)) other.open = false;
    }
    // What would hang over the edge of a narrow screen opens to the other side.
    event.target.classList.remove("menu-turned");
    const { left, right } = $(".menu-panel", event.target).getBoundingClientRect();
    event.target.classList.toggle("menu-turned", left < 0 || right > innerWidth);
    $("[autofocus]", event.target)?.focus();
  },
  true,
);

function setDrawer(open) {
  if (open) root.dataset.drawer = "open";
  else delete root.dataset.drawer;
  for (const button of $$("button[data-drawer]")) {
    button.setAttribute("aria-expanded", String(open));
  }
  if (open) $(".sidebar a")?.focus();
}
function showTheme() {
  const theme = root.dataset.theme ?? "system";
  for (const button of $$("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

// ---- Toasts. From the server: HX-Trigger: {"toast": {"text", "level", "undo"}}.
export function toast(text, { level = "success", undo = "" } = {}) {
  const template = document.getElementById("toast-template");
  const place = document.getElementById("toasts");
  if (!template || !place) return;
  const item = template.content.firstElementChild.cloneNode(true);
  item.classList.add(`toast-${level}`);
  $(".toast-text", item).textContent = text;
  const form = $("form", item);
  if (undo) form.action = undo;
  else form.remove();
  place.append(item);
  leave(item);
}
function leave(item) {
  const seconds = $("form", item) || item.matches(".toast-error") ? 12 : 6;
  let timer;
  const start = () => {
    timer = setTimeout(() => item.remove(), seconds * 1000);
  };
  item.addEventListener("mouseenter", () => clearTimeout(timer));
  item.addEventListener("focusin", () => clearTimeout(timer));
  item.addEventListener("mouseleave", start);
  item.addEventListener("focusout", start);
  start();
}
document.addEventListener("toast", (event) => toast(event.detail.text, event.detail));

// ---- htmx: a line while it works, words when it fails.
let working = 0;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.closest("[data-poll]")) return;
  working += 1;
  root.dataset.busy = "";
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.closest("[data-poll]")) return;
  working = Math.max(0, working - 1);
  if (!working) delete root.dataset.busy;
});
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const words = {
    403: "Your role does not allow that.",
    404: "That is no longer there. Reload the page.",
    409: "Somebody changed this meanwhile. Reload the page.",
    429: "Too many attempts. Wait a minute and try again.",
  };
  toast(words[status] ?? "That did not work. Try again in a moment.", { level: "error" });
});
document.addEventListener("htmx:sendError", () =>
  toast("Conductor cannot be reached. Check the connection.", { level: "error" }),
);

// ---- Polling while visible: data-poll="1000" fires the event "poll" for hx-trigger.
const polls = new WeakMap();
function startPolls() {
  for (const element of $$("[data-poll]")) {
    if (polls.has(element)) continue;
    const timer = setInterval(() => {
      if (!element.isConnected) clearInterval(timer);
      else if (document.visibilityState === "visible") element.dispatchEvent(new Event("poll"));
    }, Number(element.dataset.poll));
    polls.set(element, timer);
  }
}

// ---- Forms: the first wrong field has the focus; a typed name unlocks a danger button.
function focusFirstError(within) {
  const wrong = $("[aria-invalid='true']", within);
  if (wrong) wrong.focus();
}
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.confirmName;
  if (wanted !== undefined) {
    const button = $("button[type='submit']", event.target.form);
    button.disabled = event.target.value.trim() !== wanted;
  }
  const filter = event.target.dataset?.filterList;
  if (filter) filterList($(filter), event.target.value);
});
// data-auto-submit: a select or check box that sends its form when changed
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-auto-submit]")) event.target.form.requestSubmit();
  const shows = event.target.closest("[data-shows]");
  if (shows) showDependents(shows.form ?? document);
});
// data-filter-list="#list": hide the items of a list that do not contain what is typed
function filterList(list, typed) {
  const needle = typed.trim().toLowerCase();
  for (const item of list?.children ?? []) {
    item.hidden = !item.textContent.toLowerCase().includes(needle);
  }
}
// data-shown-by="name=value|value;other=value": visible only while the form's fields have such
// values, all of them; "name=*" is any value but none.
function showDependents(within) {
  for (const element of $$("[data-shown-by]", within)) {
    const form = element.closest("form") ?? document;
    element.hidden = !element.dataset.shownBy.split(";").every((condition) => {
      const [name, values] = condition.split("=");
      const chosen = $$(`[name="${name}"]`, form)
        .filter((field) => !["checkbox", "radio"].includes(field.type) || field.checked)
        .map((field) => field.value);
      if (values === "*") return chosen.some(Boolean);
      return values.split("|").some((value) => chosen.includes(value));
    });
  }
}
// data-needs="name": a button that works once its form's field of that name has a value
function enableNeeding(within) {
  for (const button of $$("[data-needs]", within)) {
    button.disabled = !new FormData(button.form).get(button.dataset.needs);
  }
}
document.addEventListener("change", (event) => {
  if (event.target.form && $("[data-shown-by]", event.target.form)) {
    showDependents(event.target.form);
  }
  if (event.target.form) enableNeeding(event.target.form);
});
// data-keep="key": what is typed into the form survives a click elsewhere, until it is sent
const keeper = "conductor:draft:";
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.dataset?.keep) return;
  const values = [...new FormData(form)].filter(
    ([name, value]) => name !== "csrfmiddlewaretoken" && typeof value === "string",
  );
  try {
    sessionStorage.setItem(keeper + form.dataset.keep, JSON.stringify(values));
  } catch {
    // Nothing is kept; the form still works.
  }
});
function restoreKept(within) {
  for (const form of $$("form[data-keep]", within)) {
    const key = keeper + form.dataset.keep;
    form.addEventListener("submit", () => sessionStorage.removeItem(key));
    form.addEventListener("reset", () => sessionStorage.removeItem(key));
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(key));
    } catch {
      continue;
    }
    if (!kept || $("[aria-invalid='true']", form)) continue;
    fill(form, kept);
  }
}
function fill(form, pairs) {
  const values = new Map();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  let changed = false;
  for (const field of form.elements) {
    if (!field.name || field.type === "hidden" || field.type === "file") continue;
    const kept = values.get(field.name) ?? [];
    if (field.type === "checkbox" || field.type === "radio") {
      changed ||= field.checked !== kept.includes(field.value);
      field.checked = kept.includes(field.value);
    } else if (kept.length && field.value !== kept[0]) {
      field.value = kept[0];
      changed = true;
    }
  }
  if (changed) toast("Your unsaved changes are back in the form.");
}

// ---- Tabs within a page: role="tablist" with buttons that control panels.
document.addEventListener("click", (event) => {
  const tab = event.target.closest?.("[role='tab'][aria-controls]");
  if (tab) selectTab(tab);
});
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role='tab'][aria-controls]");
  if (!tab || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  const tabs = $$("[role='tab']", tab.closest("[role='tablist']"));
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const at = step ? tabs.indexOf(tab) + step : event.key === "Home" ? 0 : tabs.length - 1;
  const next = tabs[(at + tabs.length) % tabs.length];
  selectTab(next);
  next.focus();
});
function selectTab(tab) {
  for (const other of $$("[role='tab']", tab.closest("[role='tablist']"))) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    if (panel) panel.hidden = !chosen;
  }
  if (tab.dataset.tabUrl) history.replaceState(history.state, "", tab.dataset.tabUrl);
}
// A wrong field on a hidden tab brings its tab forward.
function showWrongTab(within) {
  const panel = $("[aria-invalid='true']", within)?.closest("[role='tabpanel']");
  const tab = panel && $(`[role='tab'][aria-controls='${panel.id}']`);
  if (tab) selectTab(tab);
}

// A dialog with data-open-now opens with the page: its form came back with errors.
function openDialogs() {
  for (const dialog of $$("dialog[data-open-now]")) {
    dialog.removeAttribute("data-open-now");
    dialog.showModal();
  }
}

function arrive(within) {
  openDialogs();
  showWrongTab(within);
  focusFirstError(within);
  restoreKept(within);
  showDependents(within);
  enableNeeding(within);
  startPolls();
  for (const item of $$("#toasts > .toast:not([data-timed])")) {
    item.dataset.timed = "";
    leave(item);
  }
}
document.addEventListener("htmx:afterSettle", (event) => arrive(event.target));
showTheme();
arrive(document);
