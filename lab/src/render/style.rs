//! The style sheet of the pages, one set of colours for light and one for dark.

use std::fmt::Write as _;

use super::chart::{self, hex};

/// The style sheet. Its attribute selectors override the chart's own attributes, so the chart's
/// colours follow the theme.
pub(crate) fn style() -> String {
    let light = [
        "#0072B2", "#D55E00", "#00875F", "#B0568A", "#8A6500", "#3A8FC4",
    ];
    let dark = [
        "#5DB2F0", "#FF9352", "#3CCB9B", "#E79AC5", "#E0B73C", "#9AD4FF",
    ];
    let (mut of_light, mut of_dark, mut rules) = (String::new(), String::new(), String::new());
    for (i, (light, dark)) in light.iter().zip(dark).enumerate() {
        let stand_in = hex(chart::series(i));
        let _ = write!(of_light, "--s{i}:{light};");
        let _ = write!(of_dark, "--s{i}:{dark};");
        let _ = writeln!(
            rules,
            "svg [stroke=\"{stand_in}\"]{{stroke:var(--s{i})}}svg [fill=\"{stand_in}\"]\
             {{fill:var(--s{i})}}.s{i}::before{{background:var(--s{i})}}"
        );
    }
    for (color, variable) in [
        (chart::INK, "muted"),
        (chart::GRID, "line"),
        (chart::BOUND, "ink"),
    ] {
        let stand_in = hex(color);
        let _ = writeln!(
            rules,
            "svg [stroke=\"{stand_in}\"]{{stroke:var(--{variable})}}\
             svg [fill=\"{stand_in}\"]{{fill:var(--{variable})}}"
        );
    }
    format!(
        ":root{{--ink:#1d2127;--muted:#5a616b;--line:#e3e6ea;--page:#fff;--heat-color:#2f8f5b;\
         {of_light}}}\n\
         @media (prefers-color-scheme:dark){{:root{{--ink:#e8eaed;--muted:#a3abb6;--line:#343a43;\
         --page:#16191e;--heat-color:#3fae74;{of_dark}}}}}\n{RULES}{rules}"
    )
}

const RULES: &str = "\
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:58rem;margin:0 auto;padding:2rem 1.25rem 3rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .6rem}
.lead{color:var(--muted);margin:.2rem 0 0}.note{color:var(--muted);font-size:.85rem;max-width:46rem}
figure{margin:0}svg{width:100%;height:auto;display:block}svg text{font-family:system-ui,sans-serif}
figcaption{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;padding-left:3.6rem}
figcaption span::before{content:'';display:inline-block;width:1.1rem;height:.25rem;\
border-radius:2px;margin-right:.5rem;vertical-align:middle}
figcaption .joint::before{height:0;border-radius:0;border-top:2px dashed var(--ink)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--muted);font-weight:500;font-size:.85rem;white-space:normal;vertical-align:bottom}
tr>:first-child{text-align:left;padding-left:0}tbody th{font-weight:600}
.best{font-weight:700}.bound td+td{text-align:left;color:var(--muted);white-space:normal;font-size:.85rem}
.list{width:auto}.list small{color:var(--muted)}.heat{width:auto}.heat td{min-width:3.6rem;text-align:center;\
background:color-mix(in srgb,var(--heat-color) calc(var(--heat,0%)*.6),transparent);\
border:2px solid var(--page)}.heat tbody th{padding-right:1.2rem;font-weight:500}.heat th{text-align:center}
.heat tr>:first-child{text-align:left}
footer{margin-top:2.6rem;border-top:1px solid var(--line);color:var(--muted);font-size:.8rem}
footer code{color:var(--ink);overflow-wrap:anywhere;font-size:.85rem}
";
