//! A chart of numbers by day as lines of an SVG. The numbers behind it stand in a table, for those who do not see it.

/// The width and the height of the drawing in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;

/// Points of a line at most: more would be finer than a screen.
const MAX_POINTS: usize = 360;

/// A line.
pub struct Chart {
    /// The points, as in attribute `points`.
    pub points: String,
    /// The same with the corners below, for the area under the line.
    pub area: String,
    /// The largest number.
    pub most: i64,
    /// The number at the right edge.
    pub last: i64,
}

/// A chart of numbers at equal distances, from zero to the largest; `None` for fewer than two.
pub fn line(numbers: &[i64]) -> Option<Chart> {
    let (most, last) = (*numbers.iter().max()?, *numbers.last()?);
    if numbers.len() < 2 {
        return None;
    }
    let step = numbers.len().div_ceil(MAX_POINTS);
    // The last number is always there.
    let shown: Vec<i64> = numbers.iter().rev().step_by(step).rev().copied().collect();
    let scale = HEIGHT / most.max(1) as f64;
    let width = WIDTH / (shown.len() - 1).max(1) as f64;
    let point = |(at, number): (usize, &i64)| {
        format!("{:.1},{:.1}", at as f64 * width, HEIGHT - (*number).max(0) as f64 * scale)
    };
    let points = shown.iter().enumerate().map(point).collect::<Vec<_>>().join(" ");
    Some(Chart { area: format!("0,{HEIGHT} {points} {WIDTH},{HEIGHT}"), points, most, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_goes_from_edge_to_edge() {
        let chart = line(&[0, 5, 10]).expect("a chart");
        assert_eq!(chart.points, "0.0,180.0 360.0,90.0 720.0,0.0");
        assert_eq!((chart.most, chart.last), (10, 10));
        assert!(line(&[3]).is_none() && line(&[]).is_none());
        let long = line(&(0..10_000).collect::<Vec<_>>()).expect("a chart");
        assert!(long.points.split(' ').count() <= MAX_POINTS && long.points.ends_with("720.0,0.0"));
        assert_eq!(line(&[0, 0]).expect("a chart").points, "0.0,180.0 720.0,180.0");
    }
}
