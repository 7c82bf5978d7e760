// Something that a person set going: busy until it is over, and what fails is told.
import { app } from "./app.svelte";

export class Work {
  busy = $state(false);

  // Whether it was done.
  async run(what: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    try {
      await what();
      return true;
    } catch (error) {
      app.fail(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
