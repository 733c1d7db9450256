// Checkboxes whose state the browser remembers.

export function rememberCheckbox(checkbox, name, isOn) {
  const key = `reassess ${name}`;
  checkbox.checked = (localStorage.getItem(key) ?? (isOn ? "on" : "off")) === "on";
  checkbox.addEventListener("change", () => localStorage.setItem(key, checkbox.checked ? "on" : "off"));
  return checkbox;
}
