// The panel of a step: drop-downs that go with one another. Rules: rules.js.

import "./rules.js";

const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// option[data-with='{"short_code": ["54321"]}']: offered while those controls hold one of those
// values. A choice that no longer goes is given up; the only one that goes is taken.
function link(form) {
  for (const select of $$("select", form)) {
    const linked = $$("option[data-with]", select);
    if (!linked.length) continue;
    for (const option of linked) {
      const wants = Object.entries(JSON.parse(option.dataset.with));
      const fits = wants.every(([name, values]) => values.includes(form.elements[name]?.value));
      option.hidden = option.disabled = !fits;
    }
    if (select.selectedOptions[0]?.disabled) {
      select.value = "";
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }
}
document.addEventListener("change", (event) => {
  if (event.target.form?.id === "step-form") link(event.target.form);
});
// A panel opens with its first field focused; a wrong one has been found by ui.js already.
function focusFirst(form) {
  if (matchMedia("(max-width: 991px)").matches || form.querySelector("[aria-invalid='true']")) return;
  const fields = "input:not([type='hidden']), select, textarea, .panel-body [data-open-dialog]";
  const first = $$(fields, form).find((field) => field.checkVisibility() && !field.disabled);
  first?.focus({ preventScroll: true });
}
const form = document.getElementById("step-form");
if (form) {
  link(form);
  addEventListener("load", () => focusFirst(form));
}
