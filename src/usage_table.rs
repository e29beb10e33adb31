//! `ai-gateway usage`: what clients have used, as a table for a person or as CSV for a program.

use std::fmt::Write;

use serde_json::Value;

/// The columns of a period's use: the title, and the member of the report.
const COLUMNS: [(&str, &str); 6] = [
    ("REQUESTS", "requests"),
    ("INPUT", "input_tokens"),
    ("OUTPUT", "output_tokens"),
    ("CACHED", "cached_tokens"),
    ("ESTIMATED", "estimated"),
    ("COST", "cost"),
];

/// The part of the usage that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The name of a client; `None` for all of them.
    pub client: Option<String>,
    /// A month, as `2026-11`; `None` for the latest.
    pub month: Option<String>,
}

/// A line of a table.
type Row = Vec<String>;

/// The selected usage for a person: the periods, and where no month is asked for the limits and what is left of them.
///
/// # Errors
/// There is no such client in the list, in words.
pub fn table(list: &Value, selection: &Selection) -> Result<String, String> {
    let reports = selection.of(list)?;
    let periods = selection.periods(&reports);
    let mut text = String::new();
    if periods.is_empty() {
        text.push_str(&match &selection.month {
            Some(month) => format!("nothing was used in {month}\n"),
            None => "nothing was used so far\n".to_owned(),
        });
    } else {
        let rows = periods.iter().map(|(report, period)| {
            let mut row = vec![member(report, "client"), name(period)];
            row.extend(COLUMNS.iter().map(|(_, key)| member(period, key)));
            row
        });
        push_columns(&mut text, titles(&["CLIENT", "PERIOD"], &reports), rows);
    }
    if selection.month.is_some() {
        return Ok(text);
    }
    if selection.client.is_some() {
        push_routes(&mut text, &reports);
    }
    let limits = reports.iter().flat_map(|report| {
        let limits = members(report, "limits").iter();
        limits.map(|limit| limit_row(report, limit))
    });
    let limits: Vec<Row> = limits.collect();
    if !limits.is_empty() {
        let titles = ["CLIENT", "LIMIT", "USED", "RESERVED", "LEFT", "RESETS"];
        text.push('\n');
        push_columns(&mut text, titles.map(str::to_owned).to_vec(), limits);
    }
    Ok(text)
}

/// The same periods as comma-separated values (RFC 4180), with a head.
///
/// # Errors
/// As [`table`].
pub fn csv(list: &Value, selection: &Selection) -> Result<String, String> {
    let reports = selection.of(list)?;
    let mut text = String::from("client,period");
    for (_, key) in COLUMNS {
        text.push(',');
        text.push_str(key);
    }
    text.push_str(",currency\n");
    for (report, period) in selection.periods(&reports) {
        text.push_str(&field(&member(report, "client")));
        let values = COLUMNS.iter().map(|(_, key)| member(period, key));
        let values = std::iter::once(name(period)).chain(values);
        for value in values.chain([member(report, "currency")]) {
            text.push(',');
            text.push_str(&field(&value));
        }
        text.push('\n');
    }
    Ok(text)
}

impl Selection {
    /// The reports of the clients that are asked for.
    fn of<'v>(&self, list: &'v Value) -> Result<Vec<&'v Value>, String> {
        let reports = members(list, "data").iter();
        let Some(client) = &self.client else {
            return Ok(reports.collect());
        };
        let found: Vec<&Value> = reports
            .clone()
            .filter(|report| member(report, "client") == *client)
            .collect();
        if found.is_empty() {
            let names: Vec<String> = reports.map(|report| member(report, "client")).collect();
            return Err(match names.is_empty() {
                true => format!("there is no usage of a client {client:?}, nor of any other"),
                false => format!(
                    "there is no usage of a client {client:?}; there is that of {}",
                    names.join(", ")
                ),
            });
        }
        Ok(found)
    }

    /// The periods that are shown, each with its client's report: a month of all clients, or the months and days of one.
    fn periods<'v>(&self, reports: &[&'v Value]) -> Vec<(&'v Value, &'v Value)> {
        let latest = || {
            let months = reports.iter().flat_map(|report| members(report, "months"));
            months.map(name).max()
        };
        let month = match (&self.month, &self.client) {
            (Some(month), _) => Some(month.clone()),
            (None, None) => latest(),
            (None, Some(_)) => None,
        };
        let is_shown = |period: &&Value| {
            let of_month = |month: &String| name(period).starts_with(month.as_str());
            month.as_ref().is_none_or(of_month)
        };
        let mut periods = Vec::new();
        for report in reports {
            let days = match self.client {
                Some(_) => members(report, "days"),
                None => &[],
            };
            let all = members(report, "months").iter().chain(days);
            periods.extend(all.filter(is_shown).map(|period| (*report, period)));
        }
        periods
    }
}

/// The routes of this month.
fn push_routes(text: &mut String, reports: &[&Value]) {
    let routes = reports.iter().flat_map(|report| members(report, "routes"));
    let rows = routes.map(|route| {
        let mut row = vec![member(route, "route")];
        row.extend(COLUMNS.iter().map(|(_, key)| member(route, key)));
        row
    });
    let rows: Vec<Row> = rows.collect();
    if !rows.is_empty() {
        text.push('\n');
        push_columns(text, titles(&["ROUTE THIS MONTH"], reports), rows);
    }
}

fn limit_row(report: &Value, limit: &Value) -> Row {
    let unit = match (member(limit, "unit"), member(report, "currency")) {
        (unit, currency) if unit == "money" && !currency.is_empty() => currency,
        (unit, _) => unit,
    };
    let window = member(limit, "window");
    let amount = match window.is_empty() {
        true => format!("{} {unit}", member(limit, "limit")),
        false => format!("{} {unit}/{window}", member(limit, "limit")),
    };
    let mut row = vec![member(report, "client"), amount];
    let others = ["used", "reserved", "remaining", "resets_at"];
    row.extend(others.map(|key| member(limit, key)));
    row
}

fn titles(first: &[&str], reports: &[&Value]) -> Row {
    let currency = reports.iter().map(|report| member(report, "currency"));
    let currency = currency.into_iter().find(|currency| !currency.is_empty());
    let columns = COLUMNS.iter().map(|(title, _)| match (&currency, *title) {
        (Some(currency), "COST") => currency.clone(),
        (_, title) => title.to_owned(),
    });
    first
        .iter()
        .map(|title| (*title).to_owned())
        .chain(columns)
        .collect()
}

/// Writes rows below their titles: numbers to the right, words to the left.
fn push_columns(text: &mut String, titles: Row, rows: impl IntoIterator<Item = Row>) {
    let rows: Vec<Row> = std::iter::once(titles).chain(rows).collect();
    let columns = rows.first().map_or(0, Vec::len);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let layout: Vec<(usize, bool)> = (0..columns)
        .map(|column| {
            let widths = cells(column).map(|cell| cell.chars().count());
            let is_number = |cell: &String| cell.chars().all(|c| c.is_ascii_digit() || c == '.');
            (
                widths.max().unwrap_or_default(),
                cells(column).skip(1).all(is_number),
            )
        })
        .collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, (width, is_number)) in row.iter().zip(&layout) {
            // Writing into a String cannot fail.
            let _ = match is_number {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The name of a month or a day.
fn name(period: &Value) -> String {
    let month = member(period, "month");
    match month.is_empty() {
        true => member(period, "day"),
        false => month,
    }
}

/// A member as text; empty where it is not there.
fn member(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn members<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list() -> Value {
        let used = |period: (&str, &str), requests: u64, cost: &str| {
            let mut used = json!({"requests": requests, "input_tokens": 10, "output_tokens": 20,
                "cached_tokens": 0, "estimated": 0, "cost": cost});
            used[period.0] = period.1.into();
            used
        };
        json!({"object": "list", "data": [
            {"client": "home", "currency": "EUR",
             "limits": [
                {"unit": "requests", "window": "day", "limit": 500, "used": 17, "reserved": 1, "remaining": 482,
                 "resets_at": "2026-11-27T00:00:00+01:00"},
                {"unit": "concurrent", "window": null, "limit": 4, "used": 0, "reserved": 1, "remaining": 3, "resets_at": null},
                {"unit": "money", "window": "month", "limit": "5", "used": "1.2", "reserved": "0", "remaining": "3.8",
                 "resets_at": "2026-12-01T00:00:00+01:00"}],
             "months": [used(("month", "2026-11"), 812, "1.2"), used(("month", "2026-10"), 9, "0")],
             "days": [used(("day", "2026-11-26"), 17, "0.1"), used(("day", "2026-10-31"), 9, "0")],
             "routes": [used(("route", "dynamic/n8n"), 800, "1.2")]},
            {"client": "the \"shed\", old", "currency": "EUR", "limits": [],
             "months": [used(("month", "2026-10"), 3, "0")], "days": [], "routes": []}]})
    }

    fn selected(client: &str, month: &str) -> Selection {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Selection {
            client: some(client),
            month: some(month),
        }
    }

    #[test]
    fn a_table_has_the_latest_month_of_all_clients_and_their_limits() {
        let table = table(&list(), &Selection::default()).unwrap();
        assert_eq!(
            table,
            "\
CLIENT  PERIOD   REQUESTS  INPUT  OUTPUT  CACHED  ESTIMATED  EUR
home    2026-11       812     10      20       0          0  1.2

CLIENT  LIMIT             USED  RESERVED  LEFT  RESETS
home    500 requests/day    17         1   482  2026-11-27T00:00:00+01:00
home    4 concurrent         0         1     3
home    5 EUR/month        1.2         0   3.8  2026-12-01T00:00:00+01:00
"
        );
    }

    #[test]
    fn a_month_and_a_client_are_picked_out() {
        let rows = |client, month| {
            let csv = csv(&list(), &selected(client, month)).unwrap();
            let rows = csv.lines().skip(1);
            let first = rows.map(|row| row.rsplitn(8, ',').last().unwrap().to_owned());
            first.collect::<Vec<_>>()
        };
        assert_eq!(rows("", ""), ["home,2026-11"]);
        assert_eq!(
            rows("", "2026-10"),
            ["home,2026-10", "\"the \"\"shed\"\", old\",2026-10"]
        );
        assert_eq!(
            rows("home", ""),
            [
                "home,2026-11",
                "home,2026-10",
                "home,2026-11-26",
                "home,2026-10-31"
            ]
        );
        assert_eq!(rows("home", "2026-11"), ["home,2026-11", "home,2026-11-26"]);
        assert!(rows("", "2020-01").is_empty());
        let of_one = table(&list(), &selected("home", "")).unwrap();
        assert!(of_one.contains("dynamic/n8n"), "{of_one}");
    }

    #[test]
    fn an_unknown_client_is_told_who_there_is() {
        let error = table(&list(), &selected("office", "")).unwrap_err();
        assert!(error.contains("home, the"), "{error}");
        let nobody = json!({"data": []});
        assert!(csv(&nobody, &selected("office", "")).is_err());
        let text = table(&nobody, &Selection::default()).unwrap();
        assert_eq!(text, "nothing was used so far\n");
        // A gateway of another version, or none, is no reason to fall over.
        assert_eq!(table(&Value::Null, &Selection::default()).unwrap(), text);
    }
}
