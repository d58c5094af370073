// Draws the face that is wanted: its mesh in the 3D view, and over the photo.
import { bytes, picture, post } from './server.js';
import { $, attempt } from './status.js';
import { Viewer } from './viewer.js';

export class Drawing {
  // `query()` is what the server is asked for; its `face` is null as long as there is none.
  constructor(query) {
    this.query = query;
    this.viewer = null; // stays null where the browser has no WebGL
    this.running = this.again = false;
  }

  start(model) {
    try { this.viewer = new Viewer($('viewer'), () => $('hint').classList.add('done')); } catch {
      $('hint').textContent = 'This browser has no WebGL: no 3D view, all else works';
    }
    this.viewer?.setTopology(
      new Uint32Array(bytes(model.triangles)), new Float32Array(bytes(model.uv)),
    );
  }

  // One request at a time; while it runs, only the newest wish is kept.
  async refresh() {
    const wanted = this.query();
    if (!wanted.face) return;
    if (this.running) { this.again = true; return; }
    this.running = true;
    const outdated = () => wanted.face !== this.query().face;
    await attempt(() => this.draw(wanted, outdated), outdated);
    this.running = false;
    if (this.again) { this.again = false; await this.refresh(); }
  }

  async draw(wanted, outdated) {
    const started = performance.now();
    const drawn = await (await post('api/decode', wanted)).json();
    const texture = await picture(drawn.texture);
    if (outdated()) return;
    this.viewer?.setVertices(new Float32Array(bytes(drawn.vertices)));
    this.viewer?.setTexture(texture);
    $('overlay').src = drawn.overlay;
    document.body.dataset.milliseconds = Math.round(performance.now() - started);
    document.body.dataset.drawn = Number(document.body.dataset.drawn ?? 0) + 1;
  }
}
