"""The style of a report: one look, light or dark as the reader's system has it, for wide and narrow windows."""

STYLE = """
.kzoo-report {
  --paper: #ffffff; --card: #f6f7f9; --ink: #1c1e21; --quiet: #565b63; --line: #d8dbe0;
  --blue: #0068a8; --blue-strong: #00568c; --on-blue: #ffffff; --orange: #b84a00; --warm: #fdf0e6;
  box-sizing: border-box; max-width: 68rem; margin: 0 auto; padding: 1rem;
  background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: break-word; color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  .kzoo-report {
    --paper: #16181b; --card: #202327; --ink: #e6e7e9; --quiet: #a6abb3; --line: #3a3f46;
    --blue: #56b4e9; --blue-strong: #56b4e9; --on-blue: #10222e; --orange: #f2a15c; --warm: #33261a;
  }
}
.kzoo-report *, .kzoo-report *::before { box-sizing: border-box; }
.kzoo-report h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
.kzoo-report h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; padding-top: .8rem; border-top: 1px solid var(--line); }
.kzoo-report p { margin: .4rem 0; max-width: 46rem; }
.kzoo-report a { color: var(--blue); }
.kzoo-report .quiet, .kzoo-report figcaption, .kzoo-report .scroll > p { color: var(--quiet); font-size: .9rem; }
.kzoo-report nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .6rem 0; font-size: .95rem; }
.kzoo-report ul.findings { margin: .8rem 0; padding: .8rem 1rem .8rem 2rem; background: var(--card);
  border-left: 4px solid var(--blue); border-radius: 4px; }
.kzoo-report ul.findings li::first-letter { text-transform: uppercase; }
.kzoo-report .warning { background: var(--warm); border-left: 4px solid var(--orange); padding: .5rem .8rem;
  border-radius: 4px; }
.kzoo-report .scroll { overflow-x: auto; max-width: 100%; margin: .5rem 0; }
.kzoo-report table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums;
  background: transparent; color: inherit; border: 0; margin: 0; }
.kzoo-report th, .kzoo-report td { padding: .25rem .7rem; border: 0; border-bottom: 1px solid var(--line);
  background: transparent; color: inherit; vertical-align: top; }
.kzoo-report tbody tr:nth-child(even) { background: var(--card); }
.kzoo-report thead th { border-bottom: 2px solid var(--line); font-weight: 600; white-space: nowrap; }
.kzoo-report td { max-width: 28rem; }
.kzoo-report td[style*="right"] { white-space: nowrap; }
.kzoo-report table.matrix td { min-width: 2.6rem; text-align: center; border: 1px solid var(--paper);
  background: color-mix(in srgb, var(--blue-strong) calc(var(--share, 0) * 100%), var(--card)); }
.kzoo-report table.matrix td.full { color: var(--on-blue); }
.kzoo-report table.matrix th { border: 0; }
.kzoo-report table.matrix tbody th { text-align: right; font-weight: 400; }
.kzoo-report .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 26rem));
  gap: 1rem; }
.kzoo-report svg.chart { width: 100%; height: auto; max-width: 26rem; display: block; }
.kzoo-report svg.chart text { fill: var(--quiet); font-size: 12px; font-family: inherit; }
.kzoo-report svg .grid { stroke: var(--line); stroke-width: 1; }
.kzoo-report svg polyline { fill: none; }
.kzoo-report svg .guide { stroke: var(--quiet); stroke-dasharray: 5 4; stroke-width: 1.3; }
.kzoo-report svg .curve { stroke: var(--blue); stroke-width: 2; }
.kzoo-report svg .interval { stroke: var(--blue); stroke-width: 1.6; opacity: .65; }
.kzoo-report svg .mark { fill: var(--orange); stroke: var(--paper); stroke-width: 1; }
.kzoo-report svg .dot { fill: var(--blue); opacity: .55; }
.kzoo-report .gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .8rem;
  margin: .6rem 0; }
.kzoo-report .gallery.broad { grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr)); }
.kzoo-report figure { margin: 0; padding: .6rem; background: var(--card); border-radius: 6px; min-width: 0; }
.kzoo-report figure img { display: block; max-width: 100%; height: 96px; object-fit: contain; margin: 0 0 .4rem; }
.kzoo-report figure audio { width: 100%; height: 2.2rem; }
.kzoo-report figure blockquote { margin: 0 0 .4rem; padding: 0; border: 0; color: var(--ink); white-space: pre-wrap; }
.kzoo-report figcaption span { display: block; }
.kzoo-report figcaption .name { font-size: .8rem; overflow-wrap: anywhere; }
.kzoo-report summary { cursor: pointer; color: var(--blue); margin: .4rem 0; }
@media (max-width: 40rem) {
  .kzoo-report { padding: .6rem; font-size: 15px; }
  .kzoo-report .gallery { grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); }
  .kzoo-report th, .kzoo-report td { padding: .2rem .45rem; }
}
@media print { .kzoo-report nav { display: none; } .kzoo-report figure { break-inside: avoid; } }
"""
"""CSS whose rules hold inside of ``.kzoo-report`` alone, so that a notebook keeps its own look around it."""

PAGE_STYLE = """
html { color-scheme: light dark; background: #ffffff; }
body { margin: 0; }
@media (prefers-color-scheme: dark) { html { background: #16181b; } }
"""
"""CSS of a page of its own."""
