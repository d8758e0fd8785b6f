package import Fleet
package import Settings

extension FleetSettings {
    /// Nil for a machine by itself.
    package init?(_ configuration: Configuration.Fleet) {
        guard let url = configuration.url else { return nil }
        self.init(url: url, name: configuration.name, address: configuration.address)
    }
}
