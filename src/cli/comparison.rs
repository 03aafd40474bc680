//! `sendoff campaign compare A B …`: numbers and rates of campaigns side by side.

use super::print::{self, Output};
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::usecase::Actor;
use crate::usecase::comparison::{self, ComparedCampaign};

/// Width of the first column, of the names of numbers.
const LABEL: usize = 56;
/// Least width of the column of a campaign.
const COLUMN: usize = 12;

/// Compares campaigns.
pub async fn run(installation: &Installation, actor: &Actor, names: &[String], lang: Lang) -> Result<Output> {
    let compared = comparison::compare(installation, actor, names).await?;
    let text = table(&compared, lang);
    Ok(Output::new(&compared, lang, text))
}

fn table(compared: &[ComparedCampaign], lang: Lang) -> String {
    let widths: Vec<usize> = compared.iter().map(|one| one.summary.name.chars().count().max(COLUMN)).collect();
    let line = |label: &str, cells: Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{label:<LABEL$}{}", cells.collect::<String>())
    };
    let counted = |key, number: fn(&ComparedCampaign) -> i64| {
        line(&lang.tr(key), compared.iter().map(|one| number(one).to_string()).collect())
    };
    let measured = |key, number: fn(&ComparedCampaign) -> i64| {
        let cell = |one: &ComparedCampaign| if one.measured { number(one).to_string() } else { "—".to_owned() };
        line(&lang.tr(key), compared.iter().map(cell).collect())
    };
    let mut lines = vec![
        line("", compared.iter().map(|one| one.summary.name.clone()).collect()),
        line(
            &lang.tr("compare-launched"),
            compared
                .iter()
                .map(|one| one.launched_at.map_or("—".to_owned(), |at| print::time(at)[..10].to_owned()))
                .collect(),
        ),
        counted("count-planned", |one| one.summary.planned),
        counted("count-accepted", |one| one.summary.accepted),
        counted("count-rejected", |one| one.summary.rejected),
        measured("count-opens", |one| one.summary.opens),
        measured("count-opens-total", |one| one.summary.opens_total),
        measured("count-clicks", |one| one.summary.clicks),
        measured("count-clicks-total", |one| one.summary.clicks_total),
        counted("count-unsubscribed", |one| one.summary.unsubscribed),
    ];
    let rates: Vec<Vec<_>> = compared.iter().map(|one| one.rates.iter().copied().collect()).collect();
    for place in 0..rates.first().map_or(0, Vec::len) {
        let key = rates[0][place].key;
        lines.push(line(&lang.tr(key), rates.iter().map(|of| of[place].percent(lang)).collect()));
    }
    lines.join("\n")
}
