// The thread builder: the chooser behind the green plus, zoom, and go-tos that light up
// their target. Delegated, as everything in ui.js.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// ---- The chooser: [data-chooser] with a search input and buttons.step-choice, each with
// data-words (what finds it beside its name). Arrow keys move, Enter inserts, Escape closes.
const finder = (chooser) => $("input:not([type='hidden'])", chooser);
const choices = (chooser) => $$(".step-choice:not([hidden])", chooser);

function activate(chooser, choice) {
  for (const other of $$(".step-choice.is-active", chooser)) {
    other.classList.remove("is-active");
    other.setAttribute("aria-selected", "false");
  }
  if (!choice) return;
  choice.classList.add("is-active");
  choice.setAttribute("aria-selected", "true");
  choice.scrollIntoView({ block: "nearest" });
  finder(chooser).setAttribute("aria-activedescendant", choice.id);
}
function narrow(chooser) {
  const typed = finder(chooser).value.trim().toLowerCase();
  const words = typed.split(/\s+/);
  for (const choice of $$(".step-choice", chooser)) {
    const text = `${choice.textContent} ${choice.dataset.words ?? ""}`.toLowerCase();
    choice.hidden = !words.every((word) => text.includes(word));
  }
  for (const group of $$("[data-chooser-group]", chooser)) {
    group.hidden = !$(".step-choice:not([hidden])", group);
  }
  const nothing = $("[data-chooser-nothing]", chooser);
  const found = choices(chooser);
  if (nothing) nothing.hidden = found.length > 0;
  const named = (choice) => $(".step-choice-name", choice).textContent.toLowerCase();
  // "wait for" is a name, even though another step says it in its sentence.
  activate(chooser, found.find((choice) => named(choice).startsWith(typed)) ?? found[0]);
}
document.addEventListener("input", (event) => {
  const chooser = event.target.closest?.("[data-chooser]");
  if (chooser) narrow(chooser);
});
document.addEventListener("keydown", (event) => {
  const chooser = event.target.closest?.("[data-chooser]");
  if (!chooser) return;
  const found = choices(chooser);
  const now = found.findIndex((choice) => choice.classList.contains("is-active"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = now + (event.key === "ArrowDown" ? 1 : -1);
    activate(chooser, found[(next + found.length) % found.length]);
  } else if (event.key === "Enter" && event.target.matches("input")) {
    event.preventDefault();
    found[Math.max(now, 0)]?.click();
  } else if (event.key === "Escape") {
    event.preventDefault();
    closeChooser(chooser);
  }
});
function closeChooser(chooser) {
  const plus = $(`.plus[aria-controls="${chooser.parentElement.id}"]`);
  chooser.remove();
  plus?.setAttribute("aria-expanded", "false");
  plus?.focus();
}
document.addEventListener("click", (event) => {
  const plus = event.target.closest?.(".plus");
  for (const chooser of $$("[data-chooser]")) {
    const own = plus && plus.getAttribute("aria-controls") === chooser.parentElement.id;
    if (own || (!chooser.contains(event.target) && !event.target.closest("[data-keep-chooser]"))) {
      chooser.remove();
      for (const other of $$(".plus[aria-expanded='true']")) {
        other.setAttribute("aria-expanded", "false");
      }
    }
  }
  if (event.target.closest?.("[data-close-chooser]")) {
    closeChooser(event.target.closest("[data-chooser]"));
  }
});
document.addEventListener("htmx:afterSettle", () => {
  for (const chooser of $$("[data-chooser]:not([data-ready])")) {
    chooser.dataset.ready = "";
    $(`.plus[aria-controls="${chooser.parentElement.id}"]`)?.setAttribute("aria-expanded", "true");
    narrow(chooser);
    finder(chooser).focus();
    chooser.scrollIntoView({ block: "nearest" });
  }
});

// ---- A go-to names its target and, when hovered or focused, lights it up.
function light(event, on) {
  const key = event.target.closest?.("[data-target-step]")?.dataset.targetStep;
  if (key) document.getElementById(`step-${key}`)?.classList.toggle("is-lit", on);
}
document.addEventListener("pointerover", (event) => light(event, true));
document.addEventListener("pointerout", (event) => light(event, false));
document.addEventListener("focusin", (event) => light(event, true));
document.addEventListener("focusout", (event) => light(event, false));

// ---- Zoom: data-zoom="1" and data-zoom="-1" beside data-zoom-shown, on [data-canvas].
const steps = [50, 75, 100, 125];
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-zoom]");
  const canvas = button && $("[data-canvas]");
  if (!canvas) return;
  const now = steps.findIndex((percent) => canvas.classList.contains(`zoom-${percent}`));
  const at = now < 0 ? 2 : now;
  const next = Math.min(steps.length - 1, Math.max(0, at + Number(button.dataset.zoom)));
  for (const percent of steps) canvas.classList.remove(`zoom-${percent}`);
  if (steps[next] !== 100) canvas.classList.add(`zoom-${steps[next]}`);
  const shown = $("[data-zoom-shown]");
  if (shown) shown.textContent = `${steps[next]}%`;
});

// ---- Back and forward: a thread that the browser kept may have changed since.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
