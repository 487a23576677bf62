//! Accuracy after each task as an SVG chart.
//!
//! The page replaces the chart's colours by its own, one set for light and one for dark,
//! through selectors on the attributes. Without the page, the chart is legible on white.

use plotters::prelude::*;

use super::error::ChartError;
use crate::evaluate::Estimate;

/// Width and height, in pixels; the page scales it.
const SIZE: (u32, u32) = (920, 400);
/// Axes and their numbers.
pub(crate) const INK: RGBColor = RGBColor(0x5A, 0x61, 0x6B);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xE3, 0xE6, 0xEA);
/// The upper bound.
pub(crate) const BOUND: RGBColor = RGBColor(0x3B, 0x3F, 0x46);
/// Opacity of a band.
const BAND: f64 = 0.16;
/// One colour a head, repeated beyond the last (after Okabe & Ito, who chose
/// them for colour-blind readers).
pub(crate) const SERIES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xB8, 0x86, 0x0B),
    RGBColor(0x56, 0xB4, 0xE9),
];

/// The colour of the head at `position`.
pub(crate) fn series(position: usize) -> RGBColor {
    SERIES[position % SERIES.len()]
}

/// The colour as plotters writes it into an attribute.
pub(crate) fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// The data of the chart: one line a head, with a confidence band, and the upper bound as a dashed
/// line.
pub(crate) struct Curves<'a> {
    /// The stream's order.
    pub protocol: &'a str,
    /// Accuracy after each task, one list a head.
    pub heads: Vec<Vec<Estimate>>,
    /// Accuracy of the joint fit.
    pub bound: Option<f64>,
}

impl Curves<'_> {
    /// The chart.
    pub fn svg(&self) -> Result<String, ChartError> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|fault| ChartError {
            reason: fault.to_string(),
        })?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let stages = self.heads.iter().map(Vec::len).max().unwrap_or(0).max(2);
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(0.75..stages as f64 + 0.25, 0.0..1.02)?;
        let numbers = ("sans-serif", 14).into_font().color(&INK);
        let what = match self.protocol {
            "class-incremental" => "classes taught",
            "domain-incremental" => "groups taught",
            _ => "tenths of the stream learned",
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style(numbers.clone())
            .x_labels(stages.min(20) + 2)
            .y_labels(6)
            .x_label_formatter(&|x| match (x - x.round()).abs() < 1e-9 {
                true => format!("{x:.0}"),
                false => String::new(),
            })
            .y_label_formatter(&|y| format!("{:.0} %", y * 100.0))
            .x_desc(what)
            .y_desc("accuracy")
            .axis_desc_style(numbers)
            .draw()?;
        if let Some(bound) = self.bound {
            let ends = [(0.75, bound), (stages as f64 + 0.25, bound)];
            chart.draw_series(DashedLineSeries::new(ends, 8, 6, BOUND.stroke_width(2)))?;
        }
        for (position, head) in self.heads.iter().enumerate() {
            let color = series(position);
            let line = |shift: f64| -> Vec<(f64, f64)> {
                let at = |(stage, estimate): (usize, &Estimate)| {
                    let off = estimate.ci95.unwrap_or(0.0) * shift;
                    ((stage + 1) as f64, (estimate.mean + off).clamp(0.0, 1.0))
                };
                head.iter().enumerate().map(at).collect()
            };
            if head.iter().any(|estimate| estimate.ci95.is_some()) {
                let (above, below) = (line(1.0), line(-1.0));
                let edge: Vec<_> = above.into_iter().chain(below.into_iter().rev()).collect();
                chart.draw_series([Polygon::new(edge, color.mix(BAND))])?;
            }
            let points = line(0.0);
            chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
            chart.draw_series(
                points
                    .into_iter()
                    .map(|point| Circle::new(point, 3, color.filled())),
            )?;
        }
        area.present()?;
        Ok(())
    }
}
