// Print the type and the data of the first event that an EventSource hears from a URL.
// The EventSource is the one that node-wot listens with.
import EventSource from "eventsource";

const source = new EventSource(process.argv[2]);
for (const type of ["thing_created", "missed"])
  source.addEventListener(type, (event) => {
    console.log(event.type, event.data, event.lastEventId !== "");
    source.close();
  });
