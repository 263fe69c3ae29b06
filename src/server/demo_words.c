#include "server/demo_words.h"

#define LIST(name, ...)                                     \
    static const struct span name##_list[] = {__VA_ARGS__}; \
    const struct words name = {name##_list, sizeof(name##_list) / sizeof(struct span)}
#define INNER(...)                                                                                           \
    {                                                                                                        \
        (const struct span[]){__VA_ARGS__}, sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span) \
    }
#define W(text) SPAN_INIT(text)

/* ---- people and places ---- */

LIST(words_first_names, W("Maria"), W("John"), W("Li"), W("Amir"), W("Ada"), W("Grace"), W("Somchai"), W("Niran"),
     W("Anong"), W("Kanya"), W("Jason"), W("Emma"), W("Lucas"), W("Sofia"), W("Mateo"), W("Chloe"), W("Noah"),
     W("Olivia"), W("Liam"), W("Zoe"), W("Hannah"), W("Jonas"), W("Felix"), W("Lena"), W("Greta"), W("Karl"),
     W("Fatima"), W("Omar"), W("Layla"), W("Yusuf"), W("Priya"), W("Arjun"), W("Ravi"), W("Ananya"), W("Mei"), W("Wei"),
     W("Hiro"), W("Yuki"), W("Kenji"), W("Aiko"), W("Ivan"), W("Elena"), W("Petra"), W("Milan"), W("Nora"), W("Erik"),
     W("Astrid"), W("Bj\xc3\xb6rn"), W("Ren\xc3\xa9"), W("Zo\xc3\xab"), W("Chidi"), W("Amara"), W("Kofi"), W("Thandi"),
     W("Diego"), W("Camila"), W("Bruno"), W("In\xc3\xaas"), W("Sean"), W("Aoife"));

LIST(words_last_names, W("Garcia"), W("Smith"), W("Chen"), W("Khan"), W("Miller"), W("Wattanakul"), W("Srisai"),
     W("Johnson"), W("Brown"), W("Wilson"), W("Taylor"), W("Martin"), W("Lopez"), W("Hernandez"), W("Silva"),
     W("Costa"), W("Rossi"), W("Bianchi"), W("M\xc3\xbcller"), W("Schneider"), W("Fischer"), W("Weber"), W("Novak"),
     W("Horvat"), W("Kowalski"), W("Nowak"), W("Ivanov"), W("Petrov"), W("Larsen"), W("Nielsen"), W("Berg"),
     W("Lindqvist"), W("O'Brien"), W("Murphy"), W("Dubois"), W("Lefebvre"), W("Moreau"), W("Patel"), W("Sharma"),
     W("Gupta"), W("Singh"), W("Tanaka"), W("Suzuki"), W("Yamamoto"), W("Kim"), W("Park"), W("Nguyen"), W("Tran"),
     W("Okafor"), W("Mensah"), W("Dlamini"), W("Haddad"), W("Rahman"), W("Cohen"), W("Santos"), W("Ferreira"));

LIST(words_company_names, W("Northwind"), W("Bluewater"), W("Summit"), W("Cascade"), W("Ironbridge"), W("Redwood"),
     W("Harbour"), W("Granite"), W("Silverline"), W("Evergreen"), W("Lakeside"), W("Pioneer"), W("Atlas"),
     W("Meridian"), W("Orion"), W("Vertex"), W("Keystone"), W("Falcon"), W("Beacon"), W("Crestview"), W("Westfield"),
     W("Riverbend"), W("Stonegate"), W("Brightwell"), W("Oakmont"), W("Chao Phraya"), W("Andaman"), W("Siam"),
     W("Helvetia"), W("Nordsee"), W("Adria"), W("Iberia"), W("Hansa"), W("Baltic"), W("Pacific"), W("Continental"),
     W("Apex"), W("Quantum"), W("Precision"), W("Universal"));

LIST(words_company_kinds, W("Industries"), W("Components"), W("Supply Co."), W("Engineering"), W("Manufacturing"),
     W("Tooling"), W("Metals"), W("Electronics"), W("Systems"), W("Trading"), W("Logistics"), W("Automation"),
     W("Works"), W("Partners"), W("Group"), W("Plastics"), W("Machinery"), W("Instruments"), W("Energy"), W("Foods"));

LIST(words_streets, W("Mill Road"), W("Harbour Street"), W("Station Road"), W("Industrial Way"), W("Foundry Lane"),
     W("Park Avenue"), W("Main Street"), W("Sukhumvit Road"), W("Bahnhofstrasse"), W("Rue de la Gare"),
     W("Canal Street"), W("King Street"), W("Bridge Street"), W("Factory Road"), W("Airport Drive"), W("Oak Lane"));

LIST(words_cities, W("Portland"), W("Austin"), W("Columbus"), W("Bangkok"), W("Chiang Mai"), W("Z\xc3\xbcrich"),
     W("Bern"), W("Stuttgart"), W("Hamburg"), W("Lyon"), W("Leeds"), W("Bristol"), W("Porto"), W("Bilbao"), W("Turin"),
     W("Gda\xc5\x84sk"), W("Aarhus"), W("Osaka"), W("Pune"), W("Toronto"));

LIST(words_countries, W("US"), W("US"), W("US"), W("TH"), W("TH"), W("CH"), W("CH"), W("DE"), W("DE"), W("FR"), W("GB"),
     W("GB"), W("PT"), W("ES"), W("IT"), W("PL"), W("DK"), W("JP"), W("IN"), W("CA"));

/* ---- the factory ---- */

#define SIZES_BOLT                                                                                         \
    INNER(W("M4x12"), W("M4x20"), W("M5x16"), W("M6x20"), W("M6x30"), W("M8x25"), W("M8x40"), W("M10x30"), \
          W("M10x50"), W("M12x60"))
#define SIZES_THREAD INNER(W("M3"), W("M4"), W("M5"), W("M6"), W("M8"), W("M10"), W("M12"), W("M16"))
#define SIZES_DIAMETER \
    INNER(W("6 mm"), W("8 mm"), W("10 mm"), W("12 mm"), W("16 mm"), W("20 mm"), W("25 mm"), W("32 mm"))
#define SIZES_BEARING INNER(W("608"), W("6200"), W("6201"), W("6204"), W("6205"), W("6304"), W("7205"), W("NU206"))
#define SIZES_MODEL INNER(W("100"), W("120"), W("200"), W("220"), W("300"), W("350"), W("400"), W("550"))
#define SIZES_VOLT INNER(W("5 V"), W("12 V"), W("24 V"), W("48 V"), W("230 V"))
#define SIZES_CHIP INNER(W("0402"), W("0603"), W("0805"), W("1206"))
#define SIZES_POLES INNER(W("2-pin"), W("4-pin"), W("6-pin"), W("8-pin"), W("12-pin"), W("24-pin"))
#define FINISHES_STEEL INNER(W("zinc"), W("stainless A2"), W("stainless A4"), W("black oxide"), W("plain"))
#define FINISHES_SEAL INNER(W("sealed"), W("shielded"), W("open"))
#define FINISHES_MAKE INNER(W("rev. A"), W("rev. B"), W("rev. C"), W("left"), W("right"), W("heavy duty"))
#define FINISHES_RUBBER INNER(W("NBR"), W("EPDM"), W("FKM"), W("silicone"))
#define FINISHES_COLOUR INNER(W("grey"), W("black"), W("blue"), W("clear"))

const struct part_family part_families[] = {
    {W("Hex bolt"), W("Fasteners"), W("each"), W("steel"), 6, 85, SIZES_BOLT, FINISHES_STEEL},
    {W("Socket screw"), W("Fasteners"), W("each"), W("steel"), 8, 95, SIZES_BOLT, FINISHES_STEEL},
    {W("Lock nut"), W("Fasteners"), W("box"), W("steel"), 250, 1900, SIZES_THREAD, FINISHES_STEEL},
    {W("Flat washer"), W("Fasteners"), W("box"), W("steel"), 120, 900, SIZES_THREAD, FINISHES_STEEL},
    {W("Dowel pin"), W("Fasteners"), W("each"), W("steel"), 15, 160, SIZES_DIAMETER, FINISHES_STEEL},
    {W("Ball bearing"), W("Bearings"), W("each"), W("chrome steel"), 180, 2400, SIZES_BEARING, FINISHES_SEAL},
    {W("Linear bearing"), W("Bearings"), W("each"), W("chrome steel"), 650, 4200, SIZES_DIAMETER, FINISHES_SEAL},
    {W("Drive shaft"), W("Machined"), W("each"), W("42CrMo4"), 2800, 18500, SIZES_DIAMETER, FINISHES_MAKE},
    {W("Bearing housing"), W("Machined"), W("each"), W("EN AW-6082"), 3500, 22000, SIZES_MODEL, FINISHES_MAKE},
    {W("Mounting bracket"), W("Sheet metal"), W("each"), W("S235"), 420, 3900, SIZES_MODEL, FINISHES_MAKE},
    {W("Cover plate"), W("Sheet metal"), W("each"), W("S235"), 380, 2900, SIZES_MODEL, FINISHES_COLOUR},
    {W("Spur gear"), W("Machined"), W("each"), W("C45"), 1200, 9800, SIZES_MODEL, FINISHES_MAKE},
    {W("Timing belt"), W("Transmission"), W("each"), W("PU"), 900, 5400, SIZES_MODEL, FINISHES_COLOUR},
    {W("Shaft coupling"), W("Transmission"), W("each"), W("aluminium"), 1400, 8600, SIZES_DIAMETER, FINISHES_MAKE},
    {W("O-ring"), W("Seals"), W("box"), W("rubber"), 300, 2600, SIZES_DIAMETER, FINISHES_RUBBER},
    {W("Shaft seal"), W("Seals"), W("each"), W("rubber"), 150, 1900, SIZES_DIAMETER, FINISHES_RUBBER},
    {W("Resistor kit"), W("Electronics"), W("roll"), W("ceramic"), 900, 3200, SIZES_CHIP, FINISHES_MAKE},
    {W("Capacitor kit"), W("Electronics"), W("roll"), W("ceramic"), 1100, 4800, SIZES_CHIP, FINISHES_MAKE},
    {W("Terminal block"), W("Electronics"), W("each"), W("PA66"), 90, 1450, SIZES_POLES, FINISHES_COLOUR},
    {W("Connector housing"), W("Electronics"), W("each"), W("PBT"), 60, 900, SIZES_POLES, FINISHES_COLOUR},
    {W("Motor controller"), W("Electronics"), W("each"), W("assembly"), 8500, 46000, SIZES_MODEL, FINISHES_MAKE},
    {W("Power supply"), W("Electronics"), W("each"), W("assembly"), 2400, 19500, SIZES_VOLT, FINISHES_MAKE},
    {W("Gear motor"), W("Drives"), W("each"), W("assembly"), 9500, 68000, SIZES_VOLT, FINISHES_MAKE},
    {W("Proximity sensor"), W("Sensors"), W("each"), W("brass"), 1900, 8900, SIZES_THREAD, FINISHES_MAKE},
    {W("Temperature probe"), W("Sensors"), W("each"), W("stainless steel"), 1500, 7600, SIZES_DIAMETER, FINISHES_MAKE},
    {W("Control cable"), W("Cables"), W("m"), W("PVC"), 80, 640, SIZES_POLES, FINISHES_COLOUR},
    {W("Pneumatic cylinder"), W("Pneumatics"), W("each"), W("aluminium"), 3900, 24500, SIZES_DIAMETER, FINISHES_MAKE},
    {W("Solenoid valve"), W("Pneumatics"), W("each"), W("brass"), 2600, 13500, SIZES_VOLT, FINISHES_MAKE},
    {W("Enclosure"), W("Housings"), W("each"), W("polycarbonate"), 1800, 15800, SIZES_MODEL, FINISHES_COLOUR},
    {W("Shipping carton"), W("Packaging"), W("sheet"), W("cardboard"), 45, 320, SIZES_MODEL, FINISHES_MAKE},
};
const unsigned part_family_count = sizeof(part_families) / sizeof(part_families[0]);

LIST(words_operations, W("Produce"), W("Assemble"), W("Inspect"), W("Test"), W("Pack"), W("Rework"), W("Label"),
     W("Prepare"));

LIST(words_work_centers, W("Assembly 1"), W("Assembly 2"), W("CNC mill 3"), W("CNC lathe 1"), W("Welding bay"),
     W("Paint shop"), W("Test bench A"), W("Test bench B"), W("Electronics line"), W("Packing"));

LIST(words_work_notes, W("First article goes to quality before the rest is run."),
     W("Use the fixture from shelf F-12; the old one is worn."), W("Customer wants photos of the finished units."),
     W("Torque values changed with the last drawing revision."),
     W("Waiting for the connectors from the second supplier."), W("Check the burrs on the inner bore by hand."),
     W("Labels are printed at the packing station."),
     W("Night shift continues where the day shift stops: mark the last serial number."),
     W("Scrap of the first ten pieces is already counted."), W("Ship in two lots if the second kit is late."));

LIST(words_eco_titles, W("Add a second source for"), W("Change the finish of"), W("Tighten the tolerances of"),
     W("Correct the drawing of"), W("Change the packaging of"), W("Reduce the weight of"), W("Revise the test of"),
     W("Replace the obsolete"), W("Change the marking of"), W("Change the material of"),
     W("Extend the temperature range of"), W("Release revision B of"));

LIST(words_eco_reasons, W("The supplier has announced the end of life of the present part."),
     W("Field returns show cracks after about 800 hours of operation."),
     W("The part fails the salt spray test at 240 hours."), W("Assembly time can be cut by four minutes per unit."),
     W("The customer asked for it in the last design review."),
     W("The present source cannot deliver before the third quarter."),
     W("The drawing and the part have differed since revision B."),
     W("New regulation requires the change by the end of the year."));

LIST(words_eco_notes, W("Existing stock may be used up."), W("Existing stock must be reworked."),
     W("Stop the line until the new parts are in."), W("Inform service: the spare part number changes."),
     W("No effect on certification."), W("Certification must be repeated for the 230 V version."));

LIST(words_item_notes, W("Fragile: do not stack."), W("Keep dry."), W("Counted every month."), W("Old stock first."),
     W("Kept under lock: ask the shift lead."), W("Second shelf holds the old revision."));

LIST(words_certifications, W("ISO 9001"), W("ISO 14001"), W("ISO 13485"), W("IATF 16949"), W("UL"), W("RoHS"));

/* ---- sales ---- */

LIST(words_customer_tags, W("key account"), W("newsletter"), W("net 60"), W("export"), W("service contract"),
     W("trade fair"), W("referral"), W("price sensitive"), W("just in time"), W("public tender"));

LIST(words_customer_notes, W("Prefers to be called in the morning."), W("Orders on the first Monday of the month."),
     W("Invoices go to the head office, goods to the plant."),
     W("Needs certificates of conformity with each delivery."), W("Asked for a visit in the second quarter."),
     W("Compares our prices with two others."), W("Wants one contact for orders and complaints."),
     W("The former contact retired; be patient with the new one."));

LIST(words_call_notes, W("Talked about the delivery dates for spring."), W("Asked for an offer over 500 pieces."),
     W("Complaint about packaging settled."), W("Introduced the new account manager."),
     W("Discussed the framework contract."), W("Reminded of the open invoice; promised for Friday."),
     W("Demonstrated the new controller."), W("Planned the plant visit."));

LIST(words_order_notes, W("Deliver to gate 3, between 7 and 11."), W("Call before delivery."),
     W("Partial deliveries are welcome."), W("One delivery only."), W("Pack by line item."),
     W("Add the customer's order number to the label."), W("Sample order before the series."),
     W("Replacement for a damaged delivery: no charge for shipping."));

LIST(words_carriers, W("DHL"), W("UPS"), W("FedEx"), W("Kerry Express"), W("DB Schenker"), W("Own truck"));

/* ---- projects and people ---- */

LIST(words_project_names, W("New packaging line"), W("Warehouse extension"), W("Solar roof"), W("Control room refit"),
     W("Conveyor replacement"), W("Press automation"), W("Clean room"), W("Cooling water loop"),
     W("Fire alarm renewal"), W("Quality laboratory"), W("Robot cell"), W("Loading dock"), W("Data network renewal"),
     W("Compressor station"));

LIST(words_project_places, W("Portland"), W("Austin"), W("Bangkok"), W("Chiang Mai"), W("Stuttgart"), W("Leeds"),
     W("Porto"), W("Aarhus"), W("Osaka"), W("Toronto"));

LIST(words_phases, W("Concept"), W("Design"), W("Permits"), W("Procurement"), W("Construction"), W("Installation"),
     W("Commissioning"), W("Handover"));

LIST(words_job_titles, W("Fitter"), W("Electrician"), W("Welder"), W("Machinist"), W("Foreman"), W("Site engineer"),
     W("Planner"), W("Technician"), W("Crane operator"), W("Quality inspector"));

LIST(words_skills, W("MIG welding"), W("TIG welding"), W("CNC"), W("PLC programming"), W("high voltage"), W("rigging"),
     W("scaffolding"), W("hydraulics"), W("AutoCAD"), W("first aid"), W("forklift"), W("crane licence"));

const struct division_facts division_facts[] = {
    {W("Mechanical"), W("Maria Garcia"), W("CC-100"), W("Portland"), INNER(W("Alpha"), W("Bravo"), W("Charlie"))},
    {W("Electrical"), W("John Smith"), W("CC-200"), W("Austin"), INNER(W("Volt"), W("Ampere"), W("Ohm"))},
    {W("Civil"), W("Erik Lindqvist"), W("CC-300"), W("Aarhus"), INNER(W("Granite"), W("Basalt"))},
    {W("Automation"), W("Mei Tanaka"), W("CC-400"), W("Osaka"), INNER(W("Logic"), W("Servo"), W("Signal"))},
    {W("Service"), W("Anong Srisai"), W("CC-500"), W("Bangkok"), INNER(W("North"), W("South"))},
    {W("Logistics"), W("Kofi Mensah"), W("CC-600"), W("Stuttgart"), INNER(W("Dock"), W("Road"))},
};
