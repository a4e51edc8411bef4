/// Which moments of the wall clock a cron expression admits; knows the calendar, but no time zone.
struct CronClock: Hashable, Sendable {
    var seconds: CronValues
    var minutes: CronValues
    var hours: CronValues
    var days: CronValues
    var months: CronValues
    /// 0 to 6, Sunday first.
    var weekdays: CronValues
    var includesLastDay: Bool
    /// Both day fields say something: then either is enough, as in every cron.
    var eitherDaySuffices: Bool
    /// Hour or minute begin with `*`: an hour that the clock shows twice has its times twice.
    var repeats: Bool

    var hasEveryHour: Bool { hours == CronValues(CronField.hour.range, step: 1) }

    /// Five fields, or six with the seconds in front.
    init(_ fields: [Substring]) throws(CronError) {
        guard fields.count == 5 || fields.count == 6 else {
            let detail =
                "there are \(fields.count) fields; write 5 (minute, hour, day of month, month, day of week) or 6 (seconds in front)"
            throw CronError(field: nil, detail: detail)
        }
        let five = Array(fields.suffix(5))
        seconds = fields.count == 6 ? try CronField.second.read(fields[0]) : CronValues(0...0, step: 1)
        minutes = try CronField.minute.read(five[0])
        hours = try CronField.hour.read(five[1])
        (days, includesLastDay) = try CronClock.readDays(five[2])
        months = try CronField.month.read(five[3])
        let week = try CronField.weekday.read(five[4])
        weekdays = CronValues()
        for value in 0...7 where week.contains(value) { weekdays.formUnion(CronValues(value % 7...value % 7, step: 1)) }
        eitherDaySuffices = !CronClock.isFree(five[2]) && !CronClock.isFree(five[4])
        repeats = five[0].hasPrefix("*") || five[1].hasPrefix("*")
    }

    private static func isFree(_ field: Substring) -> Bool {
        field.hasPrefix("*") || field.hasPrefix("?")
    }

    /// `L` is the last day of the month.
    private static func readDays(_ field: Substring) throws(CronError) -> (CronValues, Bool) {
        let items = field.split(separator: ",", omittingEmptySubsequences: false)
        let others = items.filter { $0.uppercased() != "L" }
        let days = items.count > others.count && others.isEmpty ? CronValues() : try CronField.day.read(others.joined(separator: ","))
        return (days, others.count < items.count)
    }

    /// The first admitted second of the wall clock (counted from 1970 as if there were no zones) in `from..<limit`.
    func first(from: Int64, before limit: Int64) -> Int64? {
        guard from < limit else { return nil }
        var day = floorDivide(from, 86_400)
        var second = Int(from - day * 86_400)
        let lastDay = floorDivide(limit - 1, 86_400)
        while let match = firstDay(from: day, through: lastDay) {
            if match > day { second = 0 }
            if let found = firstSecond(from: second) {
                let moment = match * 86_400 + Int64(found)
                return moment < limit ? moment : nil
            }
            day = match + 1
            second = 0
        }
        return nil
    }

    private func firstDay(from first: Int64, through last: Int64) -> Int64? {
        var day = first
        while day <= last {
            let date = CivilDate(daysSince1970: day)
            if !months.contains(date.month) {
                day = date.startOfNextMonth.daysSince1970
            } else if admits(date, weekday: CivilDate.weekday(ofDay: day)) {
                return day
            } else {
                day += 1
            }
        }
        return nil
    }

    private func admits(_ date: CivilDate, weekday: Int) -> Bool {
        let byMonth = days.contains(date.day) || includesLastDay && date.day == date.lengthOfMonth
        let byWeek = weekdays.contains(weekday)
        return eitherDaySuffices ? byMonth || byWeek : byMonth && byWeek
    }

    /// Of one day.
    private func firstSecond(from second: Int) -> Int? {
        let (hour, minute) = (second / 3600, second / 60 % 60)
        if hours.contains(hour) {
            if minutes.contains(minute), let found = seconds.next(from: second % 60) { return hour * 3600 + minute * 60 + found }
            if let found = minutes.next(from: minute + 1) { return hour * 3600 + found * 60 + seconds.first }
        }
        return hours.next(from: hour + 1).map { $0 * 3600 + minutes.first * 60 + seconds.first }
    }
}
