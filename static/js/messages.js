// The live preview of a message: what is typed is shown in the frame, nothing is stored.
const form = document.querySelector("form[data-live-preview]");

/** Send the form to the preview's address and frame, without the events of a real submit. */
function show() {
  const { action, target } = form;
  form.action = form.dataset.previewUrl;
  form.target = form.dataset.livePreview;
  HTMLFormElement.prototype.submit.call(form);
  form.action = action;
  form.target = target;
}

if (form) {
  let waiting;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 500);
  };
  form.addEventListener("input", soon);
  document.querySelector("#preview-contact")?.addEventListener("change", soon);
  document.querySelector("[data-preview-width]")?.addEventListener("change", (event) => {
    const mail = document.querySelector("[data-preview-of]");
    mail.classList.toggle("mail-600", event.target.value === "600");
    mail.classList.toggle("mail-360", event.target.value === "360");
  });
}
