import { mount } from "svelte";
import Panel from "./Panel.svelte";
import "./ui/base.css";

const target = document.getElementById("app");
if (target) mount(Panel, { target });
