// What the page says, and which of the things that a person asked for is the newest.

export const $ = (id) => document.getElementById(id);
let newest = null; // AbortController of the newest choice

export function say(text, state = '') {
  $('status').textContent = text;
  $('status').className = state;
}

// Shows how much of something long is done, 0 to 1; undefined: nobody knows; null: nothing runs.
export function progress(done) {
  $('progress').hidden = done === null;
  if (done === undefined) $('progress').removeAttribute('value');
  else $('progress').value = done;
}

// Whether there is something that a person may want to stop.
export function stoppable(is) { $('stop').hidden = !is; }

// Runs `work` and says what goes wrong, unless that is `outdated` by then.
export async function attempt(work, outdated = () => false) {
  try { return await work(); } catch (error) {
    if (!outdated()) say(error.message, 'wrong');
    return null;
  }
}

// Runs `work(signal)` as the newest choice. It wins, whatever is answered first and even where it is
// refused: it calls the one before off.
export async function choose(doing, work) {
  stop();
  newest = new AbortController();
  const { signal } = newest;
  say(doing, 'busy');
  const result = await attempt(() => work(signal), () => signal.aborted);
  if (!signal.aborted) { progress(null); stoppable(false); }
  return result;
}

// Calls the newest choice off.
export function stop() {
  newest?.abort();
  progress(null);
  stoppable(false);
}

export const chosen = () => newest !== null;
