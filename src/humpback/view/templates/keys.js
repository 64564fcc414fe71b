// Keys for what is on the page: each button, link or field with data-key shows its key. Without this file all can be clicked.
"use strict";

const isField = (element) => element.matches("input:not([type=hidden]), textarea, select");
const byKey = (key) => [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);

function goOn(step) {
  const rows = [...document.querySelectorAll("a.row")];
  const place = rows.indexOf(document.activeElement);
  if (rows.length) rows[Math.min(rows.length - 1, Math.max(0, place + step))].focus();
}

document.addEventListener("keydown", (event) => {
  const inField = isField(event.target);
  if (event.key === "Escape" && inField) event.target.blur();
  if (event.key === "Enter" && event.ctrlKey) byKey("s")?.click();
  if (inField || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const target = byKey(event.key);
  if (target) {
    event.preventDefault();
    if (!isField(target)) target.click();
    target.focus();
    if (target.matches("summary")) target.parentElement.querySelector("textarea")?.focus();
  } else if (event.key === "j" || event.key === "k") {
    goOn(event.key === "j" ? 1 : -1);
  }
});
