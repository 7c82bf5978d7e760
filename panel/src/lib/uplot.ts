// The drawing of charts, in a file of its own that is loaded with the first chart.
import "uplot/dist/uPlot.min.css";
export { default } from "uplot";
