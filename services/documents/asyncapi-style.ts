// The style of the page of the socket events, light and dark, wide and narrow.
export const PAGE_STYLE = `
:root { color-scheme: light dark; --page: light-dark(#fff, #111318); --code: light-dark(#f0f2f5, #1f232b); --line: light-dark(#dfe2e8, #2d323c); --text: light-dark(#1b1f27, #e8eaee); --quiet: light-dark(#5b6472, #9aa3b2); --accent: light-dark(#4338ca, #a5b4fc) }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem clamp(12px, 3vw, 32px) 3rem; color: var(--text); background: var(--page); overflow-wrap: anywhere }
a { color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
h1 { font-size: 1.6rem } h1 small { font-size: 1rem; font-weight: normal; color: var(--quiet) }
h2 { margin-top: 2.5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line) }
h3 { margin: 2.2rem 0 0; font-size: 1.15rem; scroll-margin-top: 1rem } h4 { margin: 1rem 0 0 }
section > p { margin: .4rem 0 }
code, pre { font: 13.5px/1.5 ui-monospace, Menlo, monospace; background: var(--code); border-radius: 4px }
code { padding: .1em .3em } pre { padding: .75rem; white-space: pre-wrap } pre code, th code { padding: 0; background: none }
table { width: 100%; border-collapse: collapse; margin: .8rem 0; font-size: 15px }
th, td { padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); font-weight: normal }
thead th { color: var(--quiet); font-size: 13px; white-space: nowrap } tbody th { width: 30% }
nav { font-size: 15px } nav > a { margin-right: .8rem } nav p { margin: 1rem 0 .2rem; color: var(--quiet); font-size: 13px }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem .9rem; list-style: none; margin: 0; padding: 0 }
@media (min-width: 60rem) {
  body { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 2.5rem }
  nav { position: sticky; top: 1rem; align-self: start; max-height: calc(100vh - 2rem); overflow-y: auto }
  nav ul, nav > a { display: block } h1 { margin-top: 0 }
}
@media (max-width: 40rem) {
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
  table, tbody, tr, th, td { display: block } tbody th { width: auto }
  th, td { border: 0; padding: .1rem 0 } tr { padding: .5rem 0; border-bottom: 1px solid var(--line) }
  td[data-is=type], td[data-is=always] { display: inline-block; margin-right: 1rem } td:empty { display: none } td::before { content: attr(data-is) ": "; color: var(--quiet); font-size: 13px }
}
`
