//! The words of limits, as configuration, counting and answers share them: amounts in windows, the calendar that days and
//! months go by, and the prices of tokens.

pub mod calendar;
pub mod price;
pub mod rate;

pub use calendar::{Period, PeriodKey, TimeZone, UnixMs};
pub use price::{Money, Price};
pub use rate::{Limit, Rate, Unit, Window};
