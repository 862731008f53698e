//! One plot as SVG. Series differ by line and mark, not by colour alone, so that a page reads well in
//! black and white.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::table::thousands;

/// Pixels.
const SIZE: (u32, u32) = (920, 280);
const FONT: (&str, u32) = ("sans-serif", 13);
const TITLE: (&str, u32) = ("sans-serif", 16);

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// A line.
    Solid,
    /// A line with gaps.
    Dashed,
    /// A fine line with small gaps.
    Dotted,
    /// Marks joined by a line.
    MarkedLine,
}

/// Points of one kind.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) style: Style,
    pub(super) points: Vec<(f64, f64)>,
}

/// A stretch of the horizontal axis with a shade behind it.
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) is_dirty: bool,
}

/// What to draw.
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) series: Vec<Series>,
    pub(super) bands: Vec<Band>,
    /// Whether the horizontal axis is logarithmic.
    pub(super) log_x: bool,
}

/// Inks that differ in lightness, for the n-th series.
const INKS: [RGBColor; 6] = [
    RGBColor(0, 60, 130),
    RGBColor(200, 80, 0),
    RGBColor(0, 130, 90),
    RGBColor(130, 0, 110),
    RGBColor(60, 60, 60),
    RGBColor(150, 120, 0),
];

type Svg<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// The plot as an `<svg>` element; `None` when there is nothing to draw.
    pub(super) fn svg(&self) -> Option<String> {
        let points = || {
            self.series
                .iter()
                .flat_map(|series| series.points.iter().copied())
                .filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        let (left, right) = extent(points().map(|(x, _)| x))?;
        let (_, top) = extent(points().map(|(_, y)| y))?;
        let top = if top > 0.0 { 1.08 * top } else { 1.0 };
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            let drawn = if self.log_x {
                let left = left.max(1e-3);
                self.draw(&area, (left..right.max(left * 1.01)).log_scale(), 0.0..top)
            } else {
                self.draw(&area, left..right.max(left + 1e-9), 0.0..top)
            };
            drawn.ok()?;
        }
        Some(svg)
    }

    fn draw<X>(
        &self,
        area: &Svg<'_>,
        x: X,
        y: Range<f64>,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
    {
        let top = y.end;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, TITLE)
            .margin(8)
            .x_label_area_size(38)
            .y_label_area_size(84)
            .build_cartesian_2d(x, y)?;
        for band in &self.bands {
            let shade = if band.is_dirty {
                RGBColor(150, 150, 150).mix(0.45)
            } else {
                RGBColor(150, 150, 150).mix(0.18)
            };
            chart.draw_series([Rectangle::new(
                [(band.from, 0.0), (band.to, top)],
                shade.filled(),
            )])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .label_style(FONT)
            .axis_desc_style(FONT)
            .x_label_formatter(&|value| thousands(*value))
            .y_label_formatter(&|value| thousands(*value))
            .draw()?;
        for (series, ink) in self.series.iter().zip(INKS.iter().cycle()) {
            let ink = *ink;
            let points = series.points.clone();
            let line = ink.stroke_width(2);
            let mark = move |point: (f64, f64)| TriangleMarker::new(point, 5, ink.filled());
            let drawn = match series.style {
                Style::Solid => chart.draw_series(LineSeries::new(points, line))?,
                Style::Dashed => chart.draw_series(DashedLineSeries::new(points, 8, 5, line))?,
                Style::Dotted => chart.draw_series(DashedLineSeries::new(points, 2, 4, line))?,
                Style::MarkedLine => {
                    chart.draw_series(points.iter().copied().map(mark))?;
                    chart.draw_series(LineSeries::new(points, ink.stroke_width(1)))?
                }
            };
            drawn.label(&series.name);
            let ends = |x: i32, y: i32| [(x, y), (x + 22, y)];
            match series.style {
                Style::MarkedLine => {
                    drawn.legend(move |(x, y)| TriangleMarker::new((x + 11, y), 5, ink.filled()))
                }
                Style::Solid => drawn.legend(move |(x, y)| PathElement::new(ends(x, y), line)),
                Style::Dashed => {
                    drawn.legend(move |(x, y)| DashedPathElement::new(ends(x, y), 8, 5, line))
                }
                Style::Dotted => {
                    drawn.legend(move |(x, y)| DashedPathElement::new(ends(x, y), 2, 4, line))
                }
            };
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(FONT)
            .draw()?;
        area.present()
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}
