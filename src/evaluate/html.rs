//! A report as one self-contained HTML page: no script, nothing fetched,
//! legible in light and in dark.

use std::fmt::Write as _;

use super::chart::{self, accuracy_chart, hex};
use super::error::EvaluateError;
use super::machine::Machine;
use super::metrics::Percentiles;
use super::report::Report;
use super::table::{bytes, micros, share};

/// What a reader needs to repeat a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The command line, as it was given.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// Where it ran.
    pub machine: Machine,
}

/// The page.
///
/// # Errors
/// [`EvaluateError::Chart`] where the chart cannot be drawn.
pub fn html(report: &Report, provenance: &Provenance) -> Result<String, EvaluateError> {
    let title = format!(
        "{}, {} classes, seed {}",
        report.protocol, report.classes, report.seed
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Evaluation: {title}</title>\n<style>{}</style>\n<main>\n\
         <h1>Evaluation</h1>\n<p class=\"lead\">{title} &middot; {} training and {} test clips \
         &middot; {} features, transform {}</p>\n",
        style(),
        report.train,
        report.test,
        report.features,
        escape(&report.transform),
        title = escape(&title),
    );
    let _ = write!(
        page,
        "<section>\n<h2>Accuracy after each task</h2>\n<figure>\n{}<figcaption>{}</figcaption>\n\
         </figure>\n<p class=\"note\">{} Order: {}.</p>\n</section>\n",
        accuracy_chart(report)?,
        legend(report),
        scope(&report.protocol),
        escape(&report.tasks.join(", ")),
    );
    summary(&mut page, report);
    classes(&mut page, report);
    footer(&mut page, report, provenance);
    page.push_str("</main>\n</html>\n");
    Ok(page)
}

fn scope(protocol: &str) -> &'static str {
    match protocol {
        "class-incremental" => "Tested after each task on the classes taught so far.",
        _ => "Tested after each task on all test clips.",
    }
}

fn legend(report: &Report) -> String {
    let mut legend = String::new();
    for (position, head) in report.heads.iter().enumerate() {
        let _ = write!(
            legend,
            "<span class=\"s{}\">{}</span>",
            position % chart::SERIES.len(),
            escape(&head.head)
        );
    }
    legend.push_str("<span class=\"joint\">joint, offline</span>");
    legend
}

fn summary(page: &mut String, report: &Report) {
    page.push_str(
        "<section>\n<h2>Heads</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>head\
         <th>final accuracy<th>average incremental<th>forgetting<th>backward transfer\
         <th>learn, &micro;s<th>predict, &micro;s<th>solve, &micro;s<th>state</tr></thead>\n<tbody>\n",
    );
    let best = report
        .heads
        .iter()
        .map(|head| head.continual.final_accuracy)
        .fold(0.0, f64::max);
    for head in &report.heads {
        let mark = if head.continual.final_accuracy >= best {
            " class=\"best\""
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "<tr><th>{}<td{mark}>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escape(&head.head),
            share(head.continual.final_accuracy),
            share(head.continual.average_incremental_accuracy),
            share(head.continual.forgetting),
            share(head.continual.backward_transfer),
            pair(head.learn_us),
            pair(head.predict_us),
            pair(head.solve_us),
            bytes(head.state_bytes as u64),
        );
    }
    let fit = &report.upper_bound_fit;
    let _ = writeln!(
        page,
        "<tr class=\"bound\"><th>joint, offline<td>{}<td colspan=\"7\">logistic regression on all \
         training clips at once; C = {} by {} cross-validation</tr>\n</tbody></table></div>\n\
         <p class=\"note\">Durations are p50 / p95 of one call. Learning adds the example; what it \
         defers is solved once before testing and stands apart under <i>solve</i>. Encoding a clip \
         takes {} &micro;s more, for every head alike. Rehearsal: {}.</p>\n</section>",
        share(report.upper_bound),
        fit.chosen.c,
        if fit.chosen.grouped {
            "grouped"
        } else {
            "stratified"
        },
        pair(report.encode_us),
        escape(&report.rehearsal),
    );
}

fn classes(page: &mut String, report: &Report) {
    page.push_str("<section>\n<h2>Final accuracy by class</h2>\n<div class=\"scroll\"><table class=\"heat\">\n<thead><tr><th>class");
    for head in &report.heads {
        let _ = write!(page, "<th>{}", escape(&head.head));
    }
    page.push_str("<th>joint</tr></thead>\n<tbody>\n");
    for (class, name) in report.class_names.iter().enumerate() {
        let _ = write!(page, "<tr><th>{}", escape(name));
        let columns = report.heads.iter().map(|head| &head.class_accuracy);
        for column in columns.chain([&report.upper_bound_fit.class_accuracy]) {
            match column.get(class).copied().flatten() {
                Some(accuracy) => {
                    let percent = accuracy * 100.0;
                    let _ = write!(page, "<td style=\"--heat:{percent:.0}%\">{percent:.0}");
                }
                None => page.push_str("<td>&ndash;"),
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n<p class=\"note\">Per cent of the class's test clips.</p>\n</section>\n");
}

fn footer(page: &mut String, report: &Report, provenance: &Provenance) {
    let Provenance {
        command,
        version,
        machine,
    } = provenance;
    let _ = write!(
        page,
        "<footer>\n<p><code>{}</code></p>\n<p>afield {} &middot; {} &middot; {} thread{} &middot; {}",
        escape(command),
        escape(version),
        escape(machine.processor.as_deref().unwrap_or("unknown processor")),
        machine.threads,
        if machine.threads == 1 { "" } else { "s" },
        escape(&machine.platform),
    );
    if let Some(peak) = report.peak_rss_bytes {
        let _ = write!(page, " &middot; peak memory {}", bytes(peak));
    }
    page.push_str(
        "</p>\n<p>Average incremental accuracy: Rebuffi et al. 2017. Forgetting: Chaudhry et al. \
         2018. Backward transfer: Lopez-Paz &amp; Ranzato 2017.</p>\n</footer>\n",
    );
}

fn pair(percentiles: Percentiles) -> String {
    format!("{} / {}", micros(percentiles.p50), micros(percentiles.p95))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The style sheet. Attribute selectors win over the chart's own attributes,
/// so that its colours follow the theme.
fn style() -> String {
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
.heat{width:auto}.heat td{min-width:3.6rem;text-align:center;\
background:color-mix(in srgb,var(--heat-color) calc(var(--heat,0%)*.6),transparent);\
border:2px solid var(--page)}.heat tbody th{padding-right:1.2rem;font-weight:500}.heat th{text-align:center}
.heat tr>:first-child{text-align:left}
footer{margin-top:2.6rem;border-top:1px solid var(--line);color:var(--muted);font-size:.8rem}
footer code{color:var(--ink);overflow-wrap:anywhere;font-size:.85rem}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::report::UpperBoundFit;
    use crate::evaluate::{Continual, HeadReport, Scaling, UpperBound};

    fn page() -> String {
        let percentiles = Percentiles { p50: 1.0, p95: 2.0 };
        let continual = Continual {
            final_accuracy: 0.75,
            average_incremental_accuracy: 0.8,
            forgetting: 0.1,
            backward_transfer: -0.1,
        };
        let head = HeadReport {
            head: "ncm".into(),
            continual,
            learn_us: percentiles,
            predict_us: percentiles,
            solve_us: percentiles,
            predict_after_learn_us: None,
            drift: None,
            state_bytes: 4096,
            accuracy_after: vec![1.0, 0.75],
            class_accuracy: vec![Some(0.5), None],
        };
        let chosen = UpperBound {
            accuracy: 0.9,
            c: 0.1,
            scaling: Scaling::Each,
            cross_validated_accuracy: 0.8,
            grouped: true,
            predictions: vec![],
        };
        let report = Report {
            upper_bound: 0.9,
            heads: vec![head],
            peak_rss_bytes: Some(1 << 20),
            protocol: "class-incremental".into(),
            label_noise: 0.0,
            imbalance: 1.0,
            drift: None,
            seed: 3,
            rehearsal: "balanced:200".into(),
            features: 2,
            transform: "none".into(),
            classes: 2,
            train: 4,
            examples: 4,
            test_groups: vec![],
            test: 2,
            tasks: vec!["<script>alert(1)</script>".into(), "b".into()],
            class_names: vec!["<script>alert(1)</script>".into(), "b".into()],
            upper_bound_fit: UpperBoundFit {
                chosen,
                class_accuracy: vec![Some(1.0), None],
                seconds: 0.1,
            },
            encode_us: percentiles,
            saturated: 0.0,
        };
        let machine = Machine {
            processor: None,
            threads: 2,
            platform: "x86_64 linux".into(),
        };
        let command = "afield evaluate --seed 3".into();
        html(
            &report,
            &Provenance {
                command,
                version: "0.1.0".into(),
                machine,
            },
        )
        .unwrap()
    }

    #[test]
    fn a_class_name_cannot_become_markup() {
        let page = page();
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    }

    #[test]
    fn the_page_stands_alone_and_says_where_it_comes_from() {
        let page = page();
        let own = page.replace("http://www.w3.org/2000/svg", "");
        for reference in ["http", "src=", "href=", "url(", "@import"] {
            assert!(!own.contains(reference), "{reference}");
        }
        for said in [
            "afield evaluate --seed 3",
            "afield 0.1.0",
            "x86_64 linux",
            "seed 3",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }

    #[test]
    fn every_colour_of_the_chart_follows_the_theme() {
        let page = page();
        let chart = page
            .split("<svg")
            .nth(1)
            .unwrap()
            .split("</svg>")
            .next()
            .unwrap();
        for name in ["stroke", "fill"] {
            let attribute = format!(" {name}=\"");
            let values = chart.split(&attribute).skip(1);
            for value in values.filter_map(|rest| rest.split('"').next()) {
                let themed = page.contains(&format!("svg [{name}=\"{value}\"]"));
                assert!(themed || value == "none", "{name} {value}");
            }
        }
    }
}
