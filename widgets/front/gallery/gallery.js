/* Shows one story: ?story=live&theme=dark, with a made-up kernel behind it (&kernel=none for a report).
 *
 * ?frame=some.json draws a frame from a file instead. `window.gallery` is the hand a test moves it by. */

import cockpit, { mount } from "../../vergence_widgets/static/cockpit.js";
import { frame, pack } from "./frames.js";
import { map, sheet } from "./projection.js";

const query = new URLSearchParams(location.search);
const story = query.get("story") ?? "live";
document.body.dataset.theme = query.get("theme") ?? "light";

/** The PNG bytes that were sent. */
const sheets = [];

/** Stands where the notebook's model stands: keeps what the browser sends, and sends frames to it. */
class Model {
  listeners = new Set();
  sent = [];
  on(_name, listener) {
    this.listeners.add(listener);
  }
  off(_name, listener) {
    this.listeners.delete(listener);
  }
  send(message) {
    this.sent.push(message);
    if (message.type === "want_asset") this.answer(message.name);
  }
  async answer(name) {
    const [content, buffers] = await sheet(name);
    if (buffers.length > 0) sheets.push(buffers[0]);
    this.post(content, buffers);
  }
  post(content, buffers = []) {
    for (const listener of this.listeners) listener(content, buffers);
  }
  frame(message) {
    const buffers = [];
    const content = pack(message, buffers);
    this.post(content, buffers);
  }
}

const here = document.getElementById("here");
const model = new Model();
const file = query.get("frame");
const first = file === null ? frame(story) : await (await fetch(file)).json();
let cleanup;
if (query.get("kernel") === "none") cleanup = mount(here, pack(first, [], true));
else {
  cleanup = cockpit.render({ model, el: here });
  model.frame(first);
}
window.gallery = { model, frame, map, sheets, pack, cockpit, cleanup, here };
