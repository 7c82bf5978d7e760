import { mount } from "svelte";
import Portal from "./Portal.svelte";

// Before anything is drawn: a page that turns dark under the eyes is read in neither.
const dark = matchMedia("(prefers-color-scheme: dark)");
const setTheme = () => {
  document.documentElement.dataset["theme"] = dark.matches ? "dark" : "light";
};
setTheme();
dark.addEventListener("change", setTheme);

const target = document.getElementById("app");
if (target) {
  target.replaceChildren(); // the page for browsers without JavaScript
  mount(Portal, { target });
}
