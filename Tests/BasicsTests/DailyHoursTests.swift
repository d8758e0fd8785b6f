import Basics
import Testing

struct DailyHoursTests {
    @Test(
        arguments: [
            ("22:00-07:00", 21 * 60 + 59, nil), ("22:00-07:00", 22 * 60, 540), ("22:00-07:00", 0, 420),
            ("22:00-07:00", 6 * 60 + 59, 1), ("22:00-07:00", 7 * 60, nil), ("9:00-17:30", 9 * 60, 510),
            ("9:00-17:30", 17 * 60 + 30, nil), ("00:00-24:00", 700, 1440), ("22:00-24:00, 00:00-06:00", 23 * 60, 420),
            ("12:00-13:00,13:00-14:00", 12 * 60 + 30, 90),
        ] as [(String, Int, Int?)])
    func `Hours hold until they end, past midnight and into the next ones`(text: String, minute: Int, left: Int?) throws
    {
        #expect(try #require(DailyHours(text)).minutesLeft(at: minute) == left)
    }

    @Test(arguments: [
        "", "22:00", "22:00-", "-07:00", "22-07", "24:00-07:00", "22:00-24:30", "22:60-23:00", "7:00-7:00", "a:00-b:00",
        "22:00-07:00,", "22:00-07:00-08:00", "-1:00-02:00", "１２:00-13:00", "007:00-08:00", "7:0-8:00", "22:00–07:00",
        "00:00-00:00",
    ])
    func `A text that is no hours is none`(text: String) {
        #expect(DailyHours(text) == nil)
    }

    @Test func `Hours are written as they are read`() throws {
        let hours = try #require(DailyHours(" 9:05-12:00,22:00-24:00"))
        #expect(hours.description == "09:05-12:00,22:00-24:00")
        #expect(DailyHours(hours.description) == hours)
    }
}
