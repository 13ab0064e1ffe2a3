// Messages between behaviours of one page. Names: connection, frame, refused, pause, toast.

const bus = new EventTarget();

/** Listen; returns the function that stops it. */
export function on(name, listener) {
  const handler = (event) => listener(event.detail);
  bus.addEventListener(name, handler);
  return () => bus.removeEventListener(name, handler);
}

export function tell(name, detail = {}) {
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}
