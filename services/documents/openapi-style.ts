// What makes Swagger UI readable on a phone, by everyone, in light and dark; it comes without a viewport and with the
// address bar of a tool for any document.
export const UI_STYLE = `
.swagger-ui .topbar { display: none }
.swagger-ui .wrapper { padding: 0 clamp(10px, 3vw, 20px) }
.swagger-ui .info { margin: 24px 0 }
.swagger-ui .opblock .opblock-summary { gap: 4px }
.swagger-ui .opblock .opblock-summary-path { max-width: none; word-break: break-word }
.swagger-ui :focus-visible { outline: 2px solid #4338ca; outline-offset: 2px }
html:not(.dark-mode) .swagger-ui .opblock-post .opblock-summary-method { background: #0f7a4d }
html:not(.dark-mode) .swagger-ui .opblock-get .opblock-summary-method { background: #1f62b4 }
html:not(.dark-mode) .swagger-ui .opblock-put .opblock-summary-method { background: #9a5400 }
html:not(.dark-mode) .swagger-ui .info .title small { background: #4a5160 }
html:not(.dark-mode) .swagger-ui .info .title small.version-stamp { background: #47690a }
html:not(.dark-mode) .swagger-ui .info a, html:not(.dark-mode) .swagger-ui a.nostyle:focus { color: #2a5db0 }
html:not(.dark-mode) .swagger-ui .btn.authorize { color: #0f7a4d; border-color: #0f7a4d }
html:not(.dark-mode) .swagger-ui .parameter__in { color: #5b5b5b }
html.dark-mode .swagger-ui .header-col { color: #e8eaee }
.swagger-ui .microlight span[style*="211, 99, 99"] { color: #ff9c94 !important }
html:not(.dark-mode) .swagger-ui .json-schema-2020-12-expand-deep-button { color: #4a5160 }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #0f7a4d }
.swagger-ui .highlight-code > .microlight { max-height: none; overflow: visible; white-space: pre-wrap; overflow-wrap: anywhere }
@media (max-width: 640px) {
  .swagger-ui .opblock-tag { flex-wrap: wrap; font-size: 20px }
  .swagger-ui .opblock-tag small { order: 1; flex-basis: 100%; padding: 0 }
  .swagger-ui .opblock-tag .expand-operation { margin-left: auto }
  .swagger-ui .opblock .opblock-summary-control { flex-wrap: wrap; justify-content: flex-start; min-width: 0 }
  .swagger-ui .opblock .opblock-summary-path-description-wrapper { flex: 1 1 12rem; min-width: 0 }
  .swagger-ui .opblock .opblock-summary-method { min-width: 56px; padding: 4px 0; font-size: 12px }
  .swagger-ui .opblock-description-wrapper, .swagger-ui .opblock-section-header { flex-wrap: wrap }
  .swagger-ui table.parameters, .swagger-ui table.responses-table { table-layout: fixed }
  .swagger-ui .parameters-col_name, .swagger-ui .response-col_status { width: 6.5rem; min-width: 0; word-break: break-word }
  .swagger-ui .response-col_links { display: none }
}
`

export const UI_SCRIPT = `
document.head.append(Object.assign(document.createElement('meta'), { name: 'viewport', content: 'width=device-width, initial-scale=1' }))
new MutationObserver(() => {
  for (const select of document.querySelectorAll('.examples-select select:not([aria-label])')) select.setAttribute('aria-label', 'Example')
}).observe(document.body, { childList: true, subtree: true })
`
