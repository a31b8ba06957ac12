/** The loader's style sheet, inside its shadow root: the host's CSS does not reach in and this does not reach out. */
const CSS = `
:host { all: initial !important; }
*, *::before, *::after { box-sizing: border-box; }
.root {
  --fill: var(--fill-light); --on-fill: var(--on-fill-light);
  --page: #ffffff; --ink: #1b1d24; --bone: #eceef3; --edge: rgb(20 22 34 / 10%);
  --gap: max(20px, env(safe-area-inset-right)); --floor: max(20px, env(safe-area-inset-bottom));
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color: var(--ink);
}
.launcher {
  position: fixed; bottom: var(--floor); right: var(--gap); z-index: 2147483000;
  width: 56px; height: 56px; padding: 0; border: 0; border-radius: 50%; cursor: pointer;
  display: grid; place-items: center; background: var(--fill); color: var(--on-fill);
  box-shadow: 0 1px 3px rgb(20 22 34 / 18%), 0 8px 24px rgb(20 22 34 / 22%);
  transition: transform 140ms ease, box-shadow 140ms ease; -webkit-tap-highlight-color: transparent;
}
.left .launcher { right: auto; left: max(20px, env(safe-area-inset-left)); }
.launcher:hover { transform: translateY(-1px) scale(1.03); box-shadow: 0 2px 4px rgb(20 22 34 / 18%), 0 12px 30px rgb(20 22 34 / 26%); }
.launcher:active { transform: scale(.96); }
.launcher:focus-visible, .plain:focus-visible, .again:focus-visible { outline: 3px solid var(--fill); outline-offset: 3px; }
.launcher svg { grid-area: 1 / 1; transition: opacity 140ms ease, transform 140ms ease; }
.launcher .shut { opacity: 0; transform: rotate(-45deg) scale(.6); }
.open .launcher .shut { opacity: 1; transform: none; }
.open .launcher .talk { opacity: 0; transform: rotate(45deg) scale(.6); }
.badge {
  position: absolute; top: -3px; right: -3px; min-width: 20px; height: 20px; padding: 0 5px; border-radius: 10px;
  background: #c81e3a; color: #fff; font-size: 12px; font-weight: 600; line-height: 20px; text-align: center;
  font-variant-numeric: tabular-nums; box-shadow: 0 0 0 2px #fff;
}
.badge[hidden] { display: none; }
.panel {
  position: fixed; z-index: 2147483001; right: var(--gap); bottom: calc(var(--floor) + 72px);
  width: 384px; height: min(640px, calc(100dvh - var(--floor) - 92px)); overflow: hidden;
  border-radius: 16px; background: var(--page); box-shadow: 0 0 0 1px var(--edge), 0 12px 48px rgb(20 22 34 / 24%);
  opacity: 0; visibility: hidden; transform: translateY(10px) scale(.985); transform-origin: bottom right;
  transition: opacity 150ms ease, transform 150ms ease, visibility 0s 150ms;
}
.left .panel { right: auto; left: max(20px, env(safe-area-inset-left)); transform-origin: bottom left; }
.open .panel { opacity: 1; visibility: visible; transform: none; transition-delay: 0s; }
iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; background: var(--page); opacity: 0; visibility: hidden; }
.loaded iframe { opacity: 1; visibility: inherit; }
.cover { position: absolute; inset: 0; display: flex; flex-direction: column; gap: 12px; padding: 16px; }
.bone { background: var(--bone); border-radius: 12px; width: 62%; height: 44px; }
.bone.head { width: 44%; height: 34px; margin-bottom: 24px; } .bone.short { width: 40%; }
.plain { position: absolute; top: 14px; right: 12px; width: 36px; height: 36px; padding: 0; border: 0; border-radius: 8px; background: none; color: inherit; cursor: pointer; display: grid; place-items: center; }
.plain:hover { background: var(--bone); }
.failure { display: none; margin: auto; max-width: 260px; text-align: center; }
.failed .failure { display: block; } .failed .bone { display: none; } .loaded .cover { display: none; }
.again { margin-top: 12px; padding: 9px 16px; border: 0; border-radius: 8px; background: var(--fill); color: var(--on-fill); font: inherit; font-weight: 600; cursor: pointer; }
@media (prefers-color-scheme: dark) {
  .root { --fill: var(--fill-dark); --on-fill: var(--on-fill-dark); --page: #16171d; --ink: #eceef3; --bone: #23252e; --edge: rgb(255 255 255 / 12%); }
}
@media (max-width: 480px), (max-height: 480px) and (pointer: coarse) {
  .panel, .left .panel {
    inset: var(--view-top, 0) 0 auto 0; width: auto; height: var(--view-height, 100dvh); border-radius: 0; box-shadow: none;
    padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left);
  }
  iframe { position: relative; display: block; }
  .open .launcher { visibility: hidden; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } .launcher:hover, .launcher:active { transform: none; } }
@media (forced-colors: active) { .launcher, .panel { border: 2px solid CanvasText; } }
@media print { .root { display: none; } }
`;

/** A constructed sheet, because the host's CSP may forbid style elements; a style element where that is unknown. */
export function attachStyle(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style");
    style.textContent = CSS;
    root.append(style);
  }
}
