//! One plot as SVG. Series differ by line and mark, not by colour alone, so that a page reads well in
//! black and white.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::ranged1d::{
    AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter,
};
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
    /// Upright strokes: where, from the lowest to the highest value there.
    pub(super) spreads: Vec<(f64, f64, f64)>,
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
                .flat_map(|series| {
                    let tops = series.spreads.iter().map(|&(x, _, high)| (x, high));
                    series.points.iter().copied().chain(tops)
                })
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
                let x = LogAxis::new(left, right.max(left * 1.01));
                self.draw(&area, x, 0.0..top)
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
        for (series, ink) in self.series.iter().zip(INKS.iter().cycle()) {
            let spreads = || series.spreads.iter();
            let strokes =
                spreads().map(|&(x, low, high)| PathElement::new(vec![(x, low), (x, high)], *ink));
            let caps = spreads()
                .flat_map(|&(x, low, high)| [(x, low), (x, high)])
                .map(|end| EmptyElement::at(end) + PathElement::new([(-4, 0), (4, 0)], *ink));
            chart.draw_series(caps)?;
            chart.draw_series(strokes)?;
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

/// A logarithmic axis with labels at 1, 2 and 5 times powers of ten, or at powers alone where these
/// would be crowded.
struct LogAxis(LogCoord<f64>, (f64, f64));

impl LogAxis {
    fn new(left: f64, right: f64) -> Self {
        Self((left..right).log_scale().into(), (left, right))
    }
}

impl Ranged for LogAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.0.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        round_values(self.1.0, self.1.1)
    }

    fn range(&self) -> Range<f64> {
        self.1.0..self.1.1
    }
}

/// Round numbers from `low` to `high`, evenly spread on a logarithmic scale.
fn round_values(low: f64, high: f64) -> Vec<f64> {
    /// So many decades with three labels each are legible.
    const DECADES: f64 = 4.0;
    let factors: &[f64] = if (high / low).log10() <= DECADES {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    decades
        .flat_map(|decade| {
            factors
                .iter()
                .map(move |factor| factor * 10_f64.powi(decade))
        })
        .filter(|value| (low..=high).contains(value))
        .collect()
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_logarithmic_axis_are_round_and_apart() {
        assert_eq!(round_values(900.0, 21_000.0), [1e3, 2e3, 5e3, 1e4, 2e4]);
        assert_eq!(round_values(0.5, 2e5), [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]);
        assert!(round_values(1.1, 1.2).is_empty());
    }
}
