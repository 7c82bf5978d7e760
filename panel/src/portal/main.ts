import { mount } from "svelte";
import Portal from "./Portal.svelte";

const target = document.getElementById("app");
if (target) {
  target.replaceChildren(); // the page for browsers without JavaScript
  mount(Portal, { target });
}
